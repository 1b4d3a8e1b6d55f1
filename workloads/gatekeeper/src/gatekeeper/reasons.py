# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Every reason why somebody is not let in: its code, the HTTP status, and what a person is told."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reason:
    """What a code means.

    Attributes:
        error: the word for programs, as OAuth has it.
        title: what happened, in a few words.
        text: what it means, and what to do.
    """

    status: int
    error: str
    title: str
    text: str


_ADMINISTRATOR = "Please tell your administrator, with the request id below."


def _unavailable(text: str) -> Reason:
    return Reason(status=503, error="temporarily_unavailable", title="Logging in is not possible right now", text=text)


def _not_allowed(title: str, text: str) -> Reason:
    return Reason(status=403, error="access_denied", title=title, text=f"{text} {_ADMINISTRATOR}")


_TOKEN = Reason(
    status=401, error="invalid_token", title="The token is not valid", text="The token given is not valid here."
)

_REASONS = {
    "no_session": Reason(
        status=401,
        error="login_required",
        title="You are not logged in",
        text="A session cookie or a bearer token is required.",
    ),
    "token_expired": dataclasses.replace(_TOKEN, text="The token or session has expired."),
    "session_revoked": dataclasses.replace(_TOKEN, text="The session was ended by a logout."),
    "provider_unreachable": _unavailable("The login provider does not answer."),
    "provider_error": _unavailable("The login provider answers with an error."),
    "provider_invalid": _unavailable("The login provider's answer cannot be understood."),
    "provider_issuer": _unavailable("The login provider calls itself by another URL than the one configured here."),
    "kubernetes_unreachable": _unavailable("The Kubernetes API server cannot be asked about the token."),
    "client_refused": Reason(
        status=502,
        error="server_error",
        title="Logging in failed",
        text=f"The login provider does not accept this service: client id or secret differ. {_ADMINISTRATOR}",
    ),
    "id_token_refused": Reason(
        status=502,
        error="server_error",
        title="Logging in failed",
        text=f"The login provider's token could not be verified. {_ADMINISTRATOR}",
    ),
    "provider_access_denied": Reason(
        status=403,
        error="access_denied",
        title="You were not let in",
        text="The login provider refused the login, or it was cancelled there.",
    ),
    "provider_server_error": _unavailable("The login provider had an error of its own."),
    "provider_temporarily_unavailable": _unavailable("The login provider is busy or being maintained."),
    **dict.fromkeys(
        (
            "provider_login_required",
            "provider_interaction_required",
            "provider_consent_required",
            "provider_account_selection_required",
        ),
        Reason(
            status=403,
            error="access_denied",
            title="The login was not finished",
            text="The login provider needs something from you first: try again, and answer what it asks.",
        ),
    ),
    **dict.fromkeys(
        (
            "provider_invalid_request",
            "provider_invalid_scope",
            "provider_unauthorized_client",
            "provider_unsupported_response_type",
            "provider_other",
        ),
        Reason(
            status=502,
            error="server_error",
            title="The login provider refused the login",
            text=f"It did not accept how this service asked. {_ADMINISTRATOR}",
        ),
    ),
    "callback_incomplete": Reason(
        status=400,
        error="invalid_request",
        title="This address ends a login",
        text="It was opened without the answer of the login provider. Go to the page that you want to see instead.",
    ),
    "login_loop": Reason(
        status=400,
        error="login_loop",
        title="Logging in does not succeed",
        text="Three logins in a row came back without the cookie that began them. Are cookies blocked in this browser, "
        "or was the login page open for more than half an hour?",
    ),
    "userid_missing": _not_allowed(
        "Your account has no user id", "The login provider did not send the claim that holds the user id."
    ),
    "userid_unfit": _not_allowed(
        "Your user id cannot be used", "It is too long, or holds characters that cannot be passed on to applications."
    ),
    "group_unfit": _not_allowed(
        "A group of yours cannot be used", "Its name holds characters that cannot be passed on to applications."
    ),
    "group_not_allowed": _not_allowed("You are in none of the groups that may come in", "Your account itself is good."),
    "email_not_allowed": _not_allowed("Your e-mail address may not come in", "Your account itself is good."),
    "email_not_verified": _not_allowed(
        "Your e-mail address is not verified", "The login provider says that the address is not proven to be yours."
    ),
    "session_too_large": _not_allowed(
        "Your account does not fit into a session", "It is most likely in too many groups for a cookie."
    ),
    "token_scope": Reason(
        status=403,
        error="insufficient_scope",
        title="The token is not good for this",
        text="The token is valid, and its scope does not hold this path and method.",
    ),
    "token_revoked": dataclasses.replace(_TOKEN, text="The token was revoked."),
    "form_cross_site": Reason(
        status=403,
        error="access_denied",
        title="Another site sent this form",
        text="Nothing has happened.",
    ),
    "logout_cross_site": Reason(
        status=403,
        error="access_denied",
        title="Another site tried to log you out",
        text="You are still logged in.",
    ),
    "not_found": Reason(
        status=404,
        error="not_found",
        title="There is no such page",
        text="The address is not one of the login service.",
    ),
    "method_not_allowed": Reason(
        status=405, error="invalid_request", title="That cannot be done here", text="The method is not allowed."
    ),
    "internal": Reason(
        status=500, error="server_error", title="Something went wrong", text=f"An unexpected error. {_ADMINISTRATOR}"
    ),
}


def reason(code: str) -> Reason:
    """Return what a code means; a code without an entry is that of a refused token."""
    return _REASONS.get(code, _TOKEN)


def is_temporary(code: str) -> bool:
    """Return whether waiting helps."""
    return reason(code).status == 503
