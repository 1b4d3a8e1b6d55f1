# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Remembers which tokens were proven and which were refused, so that each is verified once."""

import collections
import collections.abc
import dataclasses
import math
import typing

from gatekeeper import answer, head, identity, metrics, tokens


class Scope(typing.Protocol):
    """Says for which requests a token is good."""

    def allows(self, request: head.Head) -> bool:
        """Return whether a request is within it."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proof:
    """What a verified token proves.

    Attributes:
        expires: when it stops to, in seconds since the epoch.
        session: the id of the session it belongs to, empty for another kind of token.
        began: when the person logged in.
        issued: when the token was made.
        fresh: until when nothing needs to be done about it.
        scope: for which requests it is good, None for all.
    """

    identity: identity.Identity
    expires: float
    session: str = ""
    began: float = 0.0
    issued: float = 0.0
    fresh: float = math.inf
    scope: "Scope | None" = None


class Authenticator(typing.Protocol):
    """Verifies one kind of token."""

    def verify(self, raw: bytes, now: float) -> Proof | None:
        """Return what a token proves, or None while that cannot be known without waiting.

        Raises:
            tokens.RefusedError: it proves nothing.
        """
        ...


class Pass(typing.NamedTuple):
    """A proof together with the answer that it earns a check, ready to be sent."""

    expires: float
    fresh: float
    answer: answer.Answer
    proof: Proof
    tally: metrics.Tally


# A pass, a code that says why there is none, or None while nobody can know without waiting.
Outcome = Pass | str | None


class Guard:
    """An authenticator with a bounded memory.

    Proven and refused tokens have memories of their own: no number of bad tokens pushes a good one out.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        allow: collections.abc.Callable[[Proof, float], answer.Answer],
        *,
        tally: metrics.Tally | None = None,
        passes: int = 10_000,
        refusals: int = 2_000,
        longest_refusal: int = 4_096,
    ) -> None:
        self._authenticator = authenticator
        self._allow = allow
        self._tally = tally or metrics.Tally()
        self._passes: collections.OrderedDict[bytes, Pass] = collections.OrderedDict()
        self._refusals: collections.OrderedDict[bytes, str] = collections.OrderedDict()
        self._limits = (passes, refusals)
        self._longest_refusal = longest_refusal

    def ask(self, raw: bytes, now: float) -> Outcome:
        """Return what a token is worth now."""
        known = self._passes.get(raw)
        if known is None:
            return self._refusals.get(raw) or self._verify(raw, now)
        if known.expires > now:
            return known
        # Ended, or to be asked about again: whoever verifies it knows.
        del self._passes[raw]
        return self._verify(raw, now)

    def forget(self, sessions: collections.abc.Set[str], users: collections.abc.Set[str]) -> None:
        """Forget every token of these sessions and users."""
        for raw, known in list(self._passes.items()):
            if known.proof.session in sessions or known.proof.identity.userid in users:
                del self._passes[raw]

    def forget_all(self) -> None:
        """Forget everything, because what proved it has changed."""
        self._passes.clear()
        self._refusals.clear()

    def proven(self) -> int:
        """Return how many proven tokens are remembered."""
        return len(self._passes)

    def refused(self) -> int:
        """Return how many refused tokens are remembered."""
        return len(self._refusals)

    def _verify(self, raw: bytes, now: float) -> Outcome:
        try:
            proof = self._authenticator.verify(raw, now)
            if proof is None:
                return None
            allowed = self._allow(proof, now)
        except tokens.RefusedError as refused:
            return self._refuse(raw, refused.reason) if refused.lasting else refused.reason
        known = Pass(expires=proof.expires, fresh=proof.fresh, answer=allowed, proof=proof, tally=self._tally)
        _remember(self._passes, raw, known, self._limits[0])
        return known

    def _refuse(self, raw: bytes, reason: str) -> str:
        if len(raw) <= self._longest_refusal:
            _remember(self._refusals, raw, reason, self._limits[1])
        return reason


_Value = typing.TypeVar("_Value")


def _remember(memory: collections.OrderedDict[bytes, _Value], raw: bytes, value: _Value, most: int) -> None:
    while len(memory) >= most:
        memory.popitem(last=False)
    memory[raw] = value
