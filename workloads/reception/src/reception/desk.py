# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to who comes to the reception: a profile is found or made, waited for, or refused with a reason."""

import asyncio
import collections.abc
import dataclasses
import time
import typing

from reception import kube, naming, objects, profiles, settings, watching

Json = dict[str, typing.Any]
Kind = typing.Literal["ready", "waiting", "ask", "refused"]
# Seconds in which most profiles are made, so that nobody sees a page, and seconds between two looks.
_HOLD = 2.0
_LOOK = 0.1
# People whose profile was found bound are remembered up to this many; it would only cost a request to ask again.
_MOST_BOUND = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who comes, as the gateway says it."""

    userid: str
    groups: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """What comes next.

    Attributes:
        name: the name of the profile.
        reason: why somebody is refused, as a code.
        detail: what the operator must know of it.
        seconds: for how long the profile has been waited for.
    """

    kind: Kind
    name: str = ""
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0


class _RefusedError(Exception):
    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.step = Step(kind="refused", reason=reason, detail=detail)


class Desk:
    """Receives people."""

    def __init__(self, options: settings.Settings, source: kube.Kube) -> None:
        self._options = options
        self._kube = source
        self.profiles = watching.Watched(source, "Profile")
        self._bound: dict[str, str] = {}
        self.made = 0

    def owned(self, userid: str) -> list[profiles.Profile]:
        """Return the profiles of a user, whatever their names."""
        found = (profiles.read(data) for data in self.profiles.values())
        return [one for one in found if one.owner == userid]

    async def receive(self, visitor: Visitor, *, consent: bool = False, hold: float = _HOLD) -> Step:
        """Return what comes next for somebody; their profile is made if there is none and nothing is against it.

        Args:
            visitor: who comes.
            consent: whether they have asked for a profile themselves.
            hold: seconds to wait here for the profile to be made.
        """
        return await _answered(self._receive(visitor, consent, hold))

    async def another(self, visitor: Visitor, suffix: str) -> Step:
        """Make a further profile for somebody who may have several."""
        return await _answered(self._further(visitor, suffix))

    async def _receive(self, visitor: Visitor, consent: bool, hold: float) -> Step:
        self._admit(visitor)
        if not self.profiles.synced.is_set():
            raise _RefusedError("kubernetes_away", self.profiles.trouble or "it has not answered yet")
        name = self._options.name_of(visitor.userid)
        what = profiles.chosen(self.owned(visitor.userid), name) or await self._missing(visitor, name, consent)
        return await self._wait(what, visitor.userid, hold) if what else Step(kind="ask", name=name)

    async def _further(self, visitor: Visitor, suffix: str) -> Step:
        self._admit(visitor)
        name = f"{self._options.name_of(visitor.userid)}-{suffix.strip().lower()}"
        if len(self.owned(visitor.userid)) >= self._options.most_profiles:
            raise _RefusedError("enough_profiles", f"the option most-profiles is {self._options.most_profiles}")
        if not naming.is_label(name):
            raise _RefusedError("name_impossible", f"{name[:100]!r} cannot be the name of a namespace")
        await self._create(visitor, name)
        return Step(kind="waiting", name=name)

    def _admit(self, visitor: Visitor) -> None:
        if not visitor.userid:
            raise _RefusedError("no_identity", f"the header {self._options.userid_header} is missing")
        if self._options.allowed_groups and not visitor.groups & set(self._options.allowed_groups):
            raise _RefusedError("not_allowed", "none of the person's groups is in the option allowed-groups")

    async def _missing(self, visitor: Visitor, name: str, consent: bool) -> profiles.Profile | None:
        """Return a profile that was just made, or None where somebody must be asked first."""
        if self._options.create == "never":
            raise _RefusedError("no_profile", f"create-profile user={visitor.userid}")
        if self._options.create == "ask" and not consent:
            return None
        return await self._create(visitor, name)

    async def _create(self, visitor: Visitor, name: str) -> profiles.Profile:
        """Make a profile; one of this name that is there already must be the same user's."""
        wish = objects.profile(name, visitor.userid, quota=self._options.quota)
        try:
            data = await self._kube.create(wish)
            self.made += 1
        except kube.FAILURES as error:
            if kube.code(error) != kube.CONFLICT:
                raise
            data = await self._kube.get("Profile", name)
        what = profiles.read(data or {})
        if what.deleting:
            raise _RefusedError("being_deleted", f"the profile {name} is still being deleted")
        if data is None or what.owner != visitor.userid:
            raise _RefusedError("name_taken", f"the profile {name} belongs to another user")
        self.profiles.keep(data)
        return what

    async def _wait(self, what: profiles.Profile, userid: str, hold: float) -> Step:
        end = time.monotonic() + hold
        while not await self._is_bound(what, userid):
            data = self.profiles.get(what.name)
            what = profiles.read(data) if data else what
            if what.trouble:
                return Step(kind="refused", name=what.name, reason="profile_failed", detail=what.trouble)
            if time.monotonic() > end:
                return Step(kind="waiting", name=what.name, seconds=max(0.0, time.time() - what.created))
            await asyncio.sleep(_LOOK)
        return Step(kind="ready", name=what.name)

    async def _is_bound(self, what: profiles.Profile, userid: str) -> bool:
        """Return whether the owner's role binding stands in the namespace."""
        if self._bound.get(what.uid) == userid:
            return True
        if not profiles.bound(await self._kube.get("RoleBinding", objects.ADMIN, what.name), userid):
            return False
        if len(self._bound) >= _MOST_BOUND:
            self._bound.clear()
        self._bound[what.uid] = userid
        return True


async def _answered(step: collections.abc.Awaitable[Step]) -> Step:
    """Return a step, or the refusal that stands in its way."""
    try:
        return await step
    except _RefusedError as refused:
        return refused.step
    except naming.NamingError as error:
        return Step(kind="refused", reason="name_impossible", detail=str(error))
    except kube.FAILURES as error:
        return Step(kind="refused", reason="kubernetes_away", detail=kube.sentence(error))
