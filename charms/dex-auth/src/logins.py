# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Who may log in with a password that Dex itself knows: the static user, and those of the actions. Pure."""

import config
import credentials
import dex
import users


def people(settings: config.Settings, kept: credentials.Credentials, known: users.Users) -> tuple[dex.User, ...]:
    """Return everybody whom Dex itself lets in, the static user first."""
    if not settings.password_db:
        return ()
    static = settings.static.username if settings.static else ""
    own = [dex.User(username=static, hash=kept.hash, id=kept.user_id)] if static else []
    others = users.serving(known, static=static)
    return (*own, *(dex.User(username=user.email, hash=user.hash, id=user.id, groups=user.groups) for user in others))


def warnings(settings: config.Settings, known: users.Users) -> tuple[str, ...]:
    """Return what an operator should know of how they go together."""
    static = settings.static.username.lower() if settings.static else ""
    if any(user.email == static for user in known):
        return (f"static-username: {static} is also a user of add-user, whose password does not count meanwhile",)
    return ()
