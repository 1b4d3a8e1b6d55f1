# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the charm's actions ask of a unit: to make, list and revoke API tokens, of which the running service hears."""

import argparse
import asyncio
import json
import time
import typing

from gatekeeper import apitokens, device, identity, journal, provider, revocation, settings


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands to the command line."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    create = commands.add_parser("create-token", help="make an API token, and print it as JSON")
    create.add_argument("--user", required=True)
    create.add_argument("--groups", default="", help="separated by commas")
    create.add_argument("--name", required=True)
    create.add_argument("--days", required=True, type=int)
    create.add_argument("--paths", default="", help="separated by commas; empty for all")
    create.add_argument("--methods", default="", help="separated by commas; empty for all")
    listing = commands.add_parser("list-tokens", help="print the tokens that are good as JSON")
    listing.add_argument("--user", default="")
    revoke = commands.add_parser("revoke-token", help="take a token back")
    revoke.add_argument("--id", required=True)
    commands.add_parser("device-login", help="print as JSON how to log in on a machine without a browser")


def run(words: argparse.Namespace, options: settings.Settings) -> dict[str, typing.Any]:
    """Run a command, and return what it has to say.

    Raises:
        ValueError: it cannot be done; the text says why.
        OSError: the journal cannot be written.
    """
    if words.command == "device-login":
        return {"device": asyncio.run(_device_login(options))}
    now, store = time.time(), journal.Journal(options.journal)
    ledger = revocation.Ledger()
    while records := store.news():
        ledger.add(records, now)
    watched = journal.Watch(options.watched_file).news()
    ledger.add(watched.records if watched else (), now)
    if words.command == "create-token":
        return _create(words, store, now)
    if words.command == "list-tokens":
        return {"tokens": [_shown(record) for record in apitokens.live(ledger, now, userid=words.user)]}
    found = [record for record in apitokens.live(ledger, now) if record.id == words.id]
    if not found:
        raise ValueError(f"id: there is no token {words.id[:50]!r}, see list-tokens")
    store.append_or_fail([apitokens.revoke(found[0])])
    return {"revoked": words.id}


def _create(words: argparse.Namespace, store: journal.Journal, now: float) -> dict[str, typing.Any]:
    wish = apitokens.Wish(
        name=words.name, days=words.days, paths=split(words.paths), methods=split(words.methods.upper())
    )
    try:
        person = identity.Identity(userid=words.user, groups=split(words.groups), email=words.user)
    except identity.IdentityError as error:
        raise ValueError(f"user: {words.user[:50]!r} cannot be a user id with these groups ({error.reason})") from None
    token, record = apitokens.create(person, wish, now)
    store.append_or_fail([record])
    return {"token": token, **_shown(record)}


async def _device_login(options: settings.Settings) -> str:
    source = provider.Provider(options)
    try:
        await source.learn()
    finally:
        await source.close()
    if source.trouble:
        raise ValueError(f"the provider cannot be asked what it offers: {source.trouble}")
    return device.login(options, source.device_endpoints)


def split(text: str) -> tuple[str, ...]:
    """Return the entries of a list separated by commas."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _shown(record: revocation.Record) -> dict[str, typing.Any]:
    token = record.token
    assert token is not None
    return {
        "id": record.id,
        "name": token.name,
        "user": token.userid,
        "created": _date(token.created),
        "expires": _date(record.expires),
        "paths": list(token.paths),
        "methods": list(token.methods),
    }


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def as_json(content: dict[str, typing.Any]) -> str:
    """Return what a command has to say as text."""
    return json.dumps(content, indent=2, ensure_ascii=False)
