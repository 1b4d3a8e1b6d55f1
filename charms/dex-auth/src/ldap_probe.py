# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Asks an LDAP server what Dex would ask it: bind, find a person, compare the password, find the groups."""

import collections.abc
import contextlib
import dataclasses
import ssl
import typing

import certificates
import ldap3
from ldap3.core import exceptions
from ldap3.utils import conv

Config = dict[str, typing.Any]
# ldap3 has no types of its own.
Connection = typing.Any
_SCOPES = {"sub": ldap3.SUBTREE, "one": ldap3.LEVEL}
# Groups in groups are followed this deep.
_DEEPEST = 10


class Notes(typing.Protocol):
    """Where findings go."""

    def good(self, text: str) -> None:
        """Note what works."""

    def warning(self, text: str) -> None:
        """Note what works and should not stay so."""

    def bad(self, text: str) -> None:
        """Note what does not work."""


class Person(typing.Protocol):
    """Somebody who would log in."""

    @property
    def username(self) -> str:
        """Return what is typed."""
        ...

    @property
    def password(self) -> str:
        """Return the password, or nothing."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Found:
    """One entry of the directory."""

    dn: str
    attributes: collections.abc.Mapping[str, list[str]]

    def values(self, name: str) -> list[str]:
        """Return the values of an attribute; Dex calls the entry's own name DN."""
        return [self.dn] if name.lower() == "dn" else list(self.attributes.get(name.lower(), ()))

    def first(self, name: str) -> str:
        """Return the first value of an attribute, or nothing."""
        return next(iter(self.values(name)), "")


class Directory:
    """The server that a connector names."""

    def __init__(self, config: Config, timeout: float, authorities: str = "") -> None:
        self._config = config
        # With a connector's own authority, Dex trusts no other, not even those of the system.
        own = config.get("rootCAData")
        system = None if own else ssl.get_default_verify_paths()
        self._authorities = (certificates.decode(own).decode() if own else authorities) or None
        self._file = system.cafile if system else None
        self._directory = system.capath if system else None
        self._timeout = timeout
        self.plain = bool(config.get("insecureNoSSL"))
        self.start_tls = bool(config.get("startTLS")) and not self.plain
        name, port = _split(config["host"])
        self.host = name
        self.port = port or (389 if self.plain else 636)

    def context(self) -> ssl.SSLContext:
        """Return how Dex verifies this server."""
        context = ssl.create_default_context(cafile=self._file, capath=self._directory, cadata=self._authorities)
        if self._config.get("insecureSkipVerify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def ask(self, notes: Notes, person: Person | None) -> None:
        """Bind as the connector does, and look a person up when there is one."""
        try:
            connection = self._open(self._config.get("bindDN"), self._config.get("bindPW"))
        except exceptions.LDAPException as error:
            notes.bad(f"cannot bind as {self._config.get('bindDN') or 'nobody'}: {_words(error)}")
            return
        notes.good(f"bound as {self._config.get('bindDN') or 'nobody (anonymous)'}")
        try:
            if person is None:
                self._count(notes, connection)
            else:
                self._look_up(notes, connection, person)
        except exceptions.LDAPException as error:
            notes.bad(f"cannot search: {_words(error)}")
        finally:
            connection.unbind()

    def _open(self, dn: str | None, password: str | None) -> Connection:
        verify = ssl.CERT_NONE if self._config.get("insecureSkipVerify") else ssl.CERT_REQUIRED
        tls = ldap3.Tls(
            validate=verify,
            ca_certs_file=self._file,
            ca_certs_path=self._directory,
            ca_certs_data=self._authorities,
        )
        server = ldap3.Server(
            self.host,
            port=self.port,
            use_ssl=not self.plain and not self.start_tls,
            tls=None if self.plain else tls,
            connect_timeout=self._timeout,
            get_info=ldap3.NONE,
        )
        connection: Connection = ldap3.Connection(
            server,
            user=dn,
            password=password,
            authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
            # Packed into a C structure: a fraction is no number to it.
            receive_timeout=int(self._timeout),
            raise_exceptions=True,
            read_only=True,
            auto_referrals=False,
        )
        try:
            connection.open()
            if self.start_tls:
                connection.start_tls()
            connection.bind()
        except exceptions.LDAPException:
            # A refused connection stays open otherwise.
            connection.unbind()
            raise
        return connection

    def _count(self, notes: Notes, connection: Connection) -> None:
        search = self._config["userSearch"]
        found = self._search(connection, search, search.get("filter") or "(objectClass=*)", [], most=2)
        if found:
            notes.good("the user search finds somebody")
        else:
            notes.bad(f"the user search finds nobody under {search['baseDN']}: check baseDN, filter and scope")

    def _look_up(self, notes: Notes, connection: Connection, person: Person) -> None:
        search = self._config["userSearch"]
        names = {
            "id": search.get("idAttr") or "uid",
            "email": search.get("emailAttr") or "mail",
            "name": search.get("nameAttr") or "",
            "preferred_username": search.get("preferredUsernameAttr") or "",
        }
        condition = f"({search['username']}={conv.escape_filter_chars(person.username)})"
        given = search.get("filter")
        matchers = self._matchers()
        wanted = [*names.values(), *(matcher["userAttr"] for matcher in matchers)]
        found = self._search(connection, search, f"(&{given}{condition})" if given else condition, wanted, most=3)
        if len(found) != 1:
            count = "several entries" if found else "nobody"
            notes.bad(f"the user search finds {count} with {search['username']}={person.username!r}")
            return
        user = found[0]
        notes.good(f"found {user.dn}")
        claims = {claim: user.first(name) for claim, name in names.items() if name}
        if search.get("emailSuffix"):
            claims["email"] = f"{claims['id']}@{search['emailSuffix']}"
        for claim in ("id", "email"):
            if not claims[claim]:
                notes.bad(f"{user.dn} has no attribute {names[claim]}, so Dex refuses the login")
                return
        for claim, value in claims.items():
            notes.good(f"claim {claim}: {value}")
        notes.good(f"kubeflow-userid: {claims['email']}")
        if person.password:
            self._compare(notes, user, person)
        groups = self._groups(connection, user, matchers)
        notes.good(f"kubeflow-groups: {', '.join(groups) or 'none'}")

    def _compare(self, notes: Notes, user: _Found, person: Person) -> None:
        try:
            self._open(user.dn, person.password).unbind()
        except (exceptions.LDAPBindError, exceptions.LDAPOperationResult):
            notes.bad("the password is wrong")
        else:
            notes.good("the password is right")

    def _matchers(self) -> list[Config]:
        search: Config = self._config.get("groupSearch") or {}
        if not search.get("baseDN"):
            return []
        old: Config = {key: search.get(key) for key in ("userAttr", "groupAttr", "recursionGroupAttr")}
        return search.get("userMatchers") or [old]

    def _groups(self, connection: Connection, user: _Found, matchers: list[Config]) -> list[str]:
        search: Config = self._config.get("groupSearch") or {}
        found: dict[str, None] = {}
        for matcher in matchers:
            asked = [(matcher["groupAttr"], value) for value in user.values(matcher["userAttr"])]
            for _ in range(_DEEPEST):
                entries = [entry for name, value in asked for entry in self._group(connection, search, name, value)]
                new = [entry for entry in entries if entry.first(search["nameAttr"]) not in found]
                found |= {entry.first(search["nameAttr"]): None for entry in new}
                if not matcher.get("recursionGroupAttr") or not new:
                    break
                asked = [(matcher["recursionGroupAttr"], entry.dn) for entry in new]
        return list(found)

    def _group(self, connection: Connection, search: Config, name: str, value: str) -> list[_Found]:
        condition = f"({name}={conv.escape_filter_chars(value)})"
        given = search.get("filter")
        text = f"(&{given}{condition})" if given else condition
        return self._search(connection, search, text, [search["nameAttr"]], most=1000)

    def _search(
        self, connection: Connection, search: Config, text: str, wanted: list[str], *, most: int
    ) -> list[_Found]:
        attributes = sorted({name for name in wanted if name and name.lower() != "dn"})
        # More than are needed to know that it is not exactly one.
        with contextlib.suppress(exceptions.LDAPSizeLimitExceededResult):
            connection.search(
                search["baseDN"],
                text,
                search_scope=_SCOPES[search.get("scope") or "sub"],
                attributes=attributes or [ldap3.NO_ATTRIBUTES],
                size_limit=most,
                time_limit=int(self._timeout),
            )
        answer: list[Config] = connection.response or []
        entries = [entry for entry in answer if entry.get("type") == "searchResEntry"]
        return [
            _Found(
                dn=entry["dn"],
                attributes={
                    name.lower(): [value.decode(errors="replace") for value in values]
                    for name, values in entry["raw_attributes"].items()
                },
            )
            for entry in entries
        ]


def _split(text: str) -> tuple[str, int]:
    """Return host and port of a host option; the port is 0 when there is none."""
    name, _, port = text.rpartition(":")
    if name and port.isdecimal() and (name.endswith("]") or ":" not in name):
        return name.strip("[]"), int(port)
    return text.strip("[]"), 0


def _words(error: exceptions.LDAPException) -> str:
    """Return what an error says, in one line of bounded length."""
    return " ".join(str(error).split())[:200] or type(error).__name__
