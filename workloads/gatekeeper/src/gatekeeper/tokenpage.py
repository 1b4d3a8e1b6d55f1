# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The page on which people make API tokens for their own programs."""

import collections.abc
import logging
import urllib.parse

from gatekeeper import answer, apitokens, check, cli, device, head, logout, pages, revocation, settings, spread

logger = logging.getLogger(__name__)

_MOST_TOKENS = 50
LONGEST_FORM = 8192


class TokenPage:
    """Shows, makes and revokes the tokens of whoever is logged in."""

    def __init__(
        self,
        options: settings.Settings,
        *,
        gate: check.Gate,
        ledger: revocation.Ledger,
        spreader: spread.Spread,
        renderer: pages.Pages,
        devices: collections.abc.Callable[[], device.Endpoints | None],
    ) -> None:
        self._options = options
        self._gate = gate
        self._ledger = ledger
        self._spread = spreader
        self._pages = renderer
        self._devices = devices

    def show(self, request: head.Head, now: float) -> answer.Answer | None:
        """Return the page, or None if nobody is logged in."""
        known = self._gate.session(request, now)
        if known is None:
            return None
        return self._page(request, self._mine(known.proof.identity.userid, now))

    def change(self, request: head.Head, body: bytes, now: float) -> answer.Answer:
        """Return the page after making or revoking a token, as its form says."""
        known = self._gate.session(request, now)
        if known is None:
            return self._pages.error(request, "no_session", retry="/")
        if not logout.is_same_origin(request, self._options.public_url.encode(), strict=True):
            return self._pages.error(request, "form_cross_site", retry=f"{self._options.prefix}/tokens")
        person = known.proof.identity
        form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), max_num_fields=20))
        mine = self._mine(person.userid, now)
        if "revoke" in form:
            for record in mine:
                if record.id == form["revoke"]:
                    self._spread.publish([apitokens.revoke(record)])
                    _log("token_revoked", record)
            return self._page(request, self._mine(person.userid, now))
        try:
            wish = _wish(form)
            if len(mine) >= _MOST_TOKENS:
                raise apitokens.ScopeError(f"there are {_MOST_TOKENS} tokens already: revoke one first")
        except apitokens.ScopeError as error:
            return self._page(request, mine, complaint=str(error))
        token, record = apitokens.create(person, wish, now)
        self._spread.publish([record])
        _log("token_created", record)
        return self._page(request, self._mine(person.userid, now), token=token)

    def _page(
        self, request: head.Head, records: list[revocation.Record], *, token: str = "", complaint: str = ""
    ) -> answer.Answer:
        lines = device.login(self._options, self._devices())
        return self._pages.tokens(request, records, token=token, complaint=complaint, device=lines)

    def _mine(self, userid: str, now: float) -> list[revocation.Record]:
        return apitokens.live(self._ledger, now, userid=userid)


def _wish(form: dict[str, str]) -> apitokens.Wish:
    days = form.get("days", "")
    return apitokens.Wish(
        name=form.get("name", ""),
        days=int(days) if days.isascii() and days.isdecimal() and len(days) < 6 else 0,
        paths=cli.split(form.get("paths", "")),
        methods=cli.split(form.get("methods", "").upper()),
    )


def _log(event: str, record: revocation.Record) -> None:
    userid = record.token.userid if record.token else ""
    logger.info(event.replace("_", " "), extra={"fields": {"event": event, "token": record.id, "userid": userid}})
