# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Who somebody becomes here, and whether they are let in at all: the operator's rules, applied to claims."""

import dataclasses
import re

from gatekeeper import identity, settings

# How the replacements of transformers name a group of their match: $1 or ${1}.
_GROUP = re.compile(r"\$(?:(\d+)|\{(\d+)\})")


class Policy:
    """Turns the claims of a provider into an identity."""

    def __init__(self, options: settings.Settings) -> None:
        self._options = options
        self._transformers = [(re.compile(one.matches), _template(one.replaces)) for one in options.userid_transformers]
        self._groups = frozenset(options.allowed_groups)
        self._emails = frozenset(email.lower() for email in options.allowed_emails)

    def identify(self, claims: identity.Claims) -> identity.Identity:
        """Return the identity that a provider's claims describe.

        Raises:
            identity.IdentityError: they name nobody, or nobody who is let in.
        """
        claim = self._options.userid_claim
        # Some providers send the word instead of the value.
        if (claim == "email" or self._emails) and claims.get("email_verified") in (False, "false", "False"):
            raise identity.IdentityError("email_not_verified")
        value = identity.text(claims, claim)
        if not value:
            raise identity.IdentityError("userid_missing")
        person = identity.Identity(
            userid=self._userid(value),
            claim=value,
            groups=identity.texts(claims, self._options.groups_claim),
            subject=identity.text(claims, "sub"),
            email=identity.text(claims, "email"),
            name=identity.text(claims, "name"),
        )
        return self._admitted(person)

    def again(self, person: identity.Identity) -> identity.Identity:
        """Return what today's rules make of somebody who was identified before.

        Raises:
            identity.IdentityError: they would not be let in today.
        """
        if not person.claim:
            return self._admitted(person)
        return self._admitted(dataclasses.replace(person, userid=self._userid(person.claim)))

    def _userid(self, value: str) -> str:
        text = value.lower() if self._options.userid_lowercase else value
        for pattern, template in self._transformers:
            if pattern.search(text):
                text = pattern.sub(template, text)
                break
        # What the rules make nothing of is nobody, whatever stands before it.
        return f"{self._options.userid_prefix}{text}" if text else ""

    def _admitted(self, person: identity.Identity) -> identity.Identity:
        if self._groups and not self._groups.intersection(person.groups):
            raise identity.IdentityError("group_not_allowed")
        email = person.email.lower()
        if self._emails and not {email, f"@{email.rpartition('@')[2]}"} & self._emails:
            raise identity.IdentityError("email_not_allowed")
        return person


def _template(text: str) -> str:
    r"""Return a replacement in the words of Python: backslashes are letters, $1 is a group."""
    return _GROUP.sub(lambda found: rf"\g<{found[1] or found[2]}>", text.replace("\\", "\\\\"))
