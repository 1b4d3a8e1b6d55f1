# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The actions on users: reads and writes them in secrets of the application, and says how it went."""

import collections.abc
import dataclasses
import json
import logging
import uuid

import config
import credentials
import dex
import ops
import reading
import references
import user_import
import users
from charmkit import secrets

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """What the actions must know of the options.

    Attributes:
        static: the name of the static user, empty when there is none.
        password: that user's.
        cost: bcrypt's.
        groups: why the Dex that runs cannot tell groups of its own users, empty when it can.
    """

    static: str
    password: str = dataclasses.field(repr=False)
    cost: int
    groups: str


class Accounts(ops.Object):
    """The users of this application."""

    def __init__(
        self,
        charm: ops.CharmBase,
        *,
        known: collections.abc.Callable[[], tuple[credentials.Credentials, config.Settings]],
        apply: collections.abc.Callable[[], None],
    ) -> None:
        """Observe the actions.

        Args:
            charm: the charm.
            known: returns what is remembered, and what the options say.
            apply: brings changed users to Dex.
        """
        super().__init__(charm, "accounts")
        self._charm = charm
        self._known = known
        self._apply = apply
        labels = [f"users-{number}" for number in range(users.SECRETS)]
        self._secrets = [secrets.StateSecret(charm, label=label, name=label) for label in labels]
        self.framework.observe(charm.on["get-credentials"].action, self._on_get_credentials)
        self.framework.observe(charm.on.secret_remove, self._on_secret_remove)
        self.framework.observe(charm.on["add-user"].action, self._on_add_user)
        self.framework.observe(charm.on["set-password"].action, self._on_set_password)
        self.framework.observe(charm.on["disable-user"].action, self._on_disable_user)
        self.framework.observe(charm.on["enable-user"].action, self._on_enable_user)
        self.framework.observe(charm.on["remove-user"].action, self._on_remove_user)
        self.framework.observe(charm.on["list-users"].action, self._on_list_users)
        self.framework.observe(charm.on["import-users"].action, self._on_import_users)

    def read(self) -> users.Users:
        """Return the users."""
        return users.load(secret.read() for secret in self._secrets)

    def _context(self) -> Context:
        kept, settings = self._known()
        static = settings.static.username if settings.static else ""
        return Context(
            static=static, password=kept.password, cost=settings.cost, groups=dex.no_groups(settings.version)
        )

    def _on_secret_remove(self, event: ops.SecretRemoveEvent) -> None:
        # An old revision holds an old password; nobody reads it any more.
        event.remove_revision()

    def _on_get_credentials(self, event: ops.ActionEvent) -> None:
        # Options whose hook has not run yet are applied first, or the answer would be out of date at once.
        self._apply()
        context = self._context()
        app = self.model.app.name
        if not context.static:
            command = f"juju config {app} --reset static-username,enable-password-db"
            event.fail(f"static login is disabled; to enable it: {command}")
        elif not context.password:
            event.fail(f"there is no password yet: see juju status {app}")
        else:
            event.set_results({"username": context.static, "password": context.password})

    def _on_add_user(self, event: ops.ActionEvent) -> None:
        def work() -> dict[str, str]:
            context = self._context()
            groups = users.groups(event.params.get("groups", ""))
            if groups and context.groups:
                raise users.UserError(f"groups: {context.groups}")
            address = users.email(event.params["email"])
            made, shown = self._hash(event)
            new = users.User(email=address, id=str(uuid.uuid4()), hash=made, groups=groups)
            self._write(users.add(self.read(), new, static=context.static))
            return {"email": address, "id": new.id, **shown}

        self._do(event, work)

    def _on_set_password(self, event: ops.ActionEvent) -> None:
        def work() -> dict[str, str]:
            address = users.email(event.params["email"])
            if address == self._context().static.lower():
                command = f"juju config {self.model.app.name} static-password=secret:<id>"
                raise users.UserError(f"{address!r} is the static user: {command}")
            known = self.read()
            user = users.find(known, address)
            made, shown = self._hash(event)
            self._write(users.change(known, address, hash=made))
            audit(user.id, "password changed by the action set-password")
            return {"email": address, **shown}

        self._do(event, work)

    def _on_disable_user(self, event: ops.ActionEvent) -> None:
        self._do(event, lambda: self._switch(event.params["email"], disabled=True))

    def _on_enable_user(self, event: ops.ActionEvent) -> None:
        self._do(event, lambda: self._switch(event.params["email"], disabled=False))

    def _on_remove_user(self, event: ops.ActionEvent) -> None:
        def work() -> dict[str, str]:
            address = users.email(event.params["email"])
            self._write(users.remove(self.read(), address))
            return {"removed": address}

        self._do(event, work)

    def _on_list_users(self, event: ops.ActionEvent) -> None:
        shown = [
            {
                "email": user.email,
                "id": user.id,
                "status": "disabled" if user.disabled else "enabled",
                **({"groups": list(user.groups)} if user.groups else {}),
            }
            for user in self.read()
        ]
        event.set_results({"users": json.dumps(shown, indent=2), "count": str(len(shown))})

    def _on_import_users(self, event: ops.ActionEvent) -> None:
        def work() -> dict[str, str]:
            content, reference = event.params.get("content", ""), event.params.get("content-secret", "")
            if bool(content) == bool(reference):
                raise users.UserError("give the file as content or as content-secret")
            text = self._resolve("content-secret", reference) if reference else content
            rows = user_import.read(text, domain=event.params.get("domain", ""), secret=bool(reference))
            return self._import(rows)

        self._do(event, work)

    def _import(self, rows: tuple[user_import.Row, ...]) -> dict[str, str]:
        context = self._context()
        known = self.read()
        before = {user.email for user in known}
        generated: dict[str, str] = {}
        changed: set[str] = set()
        for row in rows:
            if row.groups and context.groups:
                raise users.UserError(f"groups of {row.email!r}: {context.groups}")
            given = row.hash or (credentials.hash_password(row.password, context.cost) if row.password else "")
            if row.email in before:
                # What the file does not say of somebody stays as it is.
                old = users.find(known, row.email)
                hash_, groups = given or old.hash, row.groups or old.groups
                known = users.change(known, row.email, hash=hash_, groups=groups)
                changed |= {old.id} if given else set()
                continue
            if not given:
                generated[row.email] = credentials.generate()
                given = credentials.hash_password(generated[row.email], context.cost)
            new = users.User(email=row.email, id=str(uuid.uuid4()), hash=given, groups=row.groups)
            known = users.add(known, new, static=context.static)
        self._write(known)
        for user_id in sorted(changed):
            audit(user_id, "password changed by the action import-users")
        updated = len(before & {row.email for row in rows})
        shown = {"passwords": json.dumps(generated, indent=2)} if generated else {}
        return {"added": str(len(rows) - updated), "updated": str(updated), **shown}

    def _switch(self, text: str, *, disabled: bool) -> dict[str, str]:
        address = users.email(text)
        self._write(users.change(self.read(), address, disabled=disabled))
        return {"email": address, "status": "disabled" if disabled else "enabled"}

    def _hash(self, event: ops.ActionEvent) -> tuple[str, dict[str, str]]:
        """Return the hash of the password that was given or made, and what is to be shown of it, once."""
        reference = event.params.get("password-secret", "")
        given = users.password(self._resolve("password-secret", reference)) if reference else ""
        made = given or credentials.generate()
        return credentials.hash_password(made, self._context().cost), {} if given else {"password": made}

    def _resolve(self, name: str, reference: str) -> str:
        if not reference.startswith("secret:"):
            # Not repeated: it may be the password itself.
            raise users.UserError(f"{name}: a reference to a secret is expected, secret:<id> or secret:<id>#<key>")
        contents = reading.secrets(self.model, reference)
        try:
            return references.resolve(reference, contents, app=self.model.app.name)
        except ValueError as error:
            raise users.UserError(f"{name}: {error}") from None

    def _do(self, event: ops.ActionEvent, work: collections.abc.Callable[[], dict[str, str]]) -> None:
        """Do what an action asks for where it can be done, and bring the result to Dex."""
        if not self.model.unit.is_leader():
            event.fail(f"the leader keeps the users: juju run {self.model.app.name}/leader {event_name(event)} ...")
            return
        if not self._secrets[0].ready:
            event.fail(f"nothing can be kept yet: see juju status {self.model.app.name}")
            return
        try:
            event.set_results(work())
        except users.UserError as error:
            event.fail(str(error))
            return
        self._apply()

    def _write(self, known: users.Users) -> None:
        contents = users.dump(known)
        for number, secret in enumerate(self._secrets):
            if number < len(contents):
                secret.write(contents[number])
            elif secret.read():
                # A secret cannot be empty; this one holds nobody any more.
                secret.write({"unused": "true"})


def event_name(event: ops.ActionEvent) -> str:
    """Return an action's name as it is typed."""
    return event.handle.kind.removesuffix("_action").replace("_", "-")


def audit(user_id: str, description: str) -> None:
    """Log a change of a password in the words of OWASP's logging vocabulary, without a name or an address."""
    line = {"appid": "dex.owasp-logger", "event": f"authn_password_change:{user_id}", "description": description}
    logger.info("%s", json.dumps({"type": "security", "level": "INFO", **line}))
