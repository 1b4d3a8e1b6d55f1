# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The device flow (RFC 8628): what to paste into a shell on a machine without a browser, to log in with another one."""

import shlex
import typing

from gatekeeper import settings

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# RFC 8628, section 3.2: how long to wait between two questions, in seconds, where the provider says nothing else.
_PAUSE = 5
_MOST_QUESTIONS = 60


class Endpoints(typing.NamedTuple):
    """Where a device asks the provider, as everybody reaches it."""

    authorization: str
    token: str


def login(options: settings.Settings, endpoints: Endpoints | None) -> str:
    """Return the lines that end with an ID token in the variable TOKEN, empty where the provider has no such flow."""
    if endpoints is None or not options.device_client_id:
        return ""
    client = f"-d client_id={shlex.quote(options.device_client_id)}"
    scope = shlex.quote("scope=" + " ".join(options.scopes))
    code = 'device_code=$(echo "$DEVICE" | jq -r .device_code)'
    fetch = f"curl -sf {shlex.quote(endpoints.token)} {client} -d grant_type={_GRANT} -d {code}"
    # Not by the exit code of jq: before 1.7 it is 0 also where there was nothing to read.
    ask = f'TOKEN=$({fetch} | jq -r .id_token); [ "$TOKEN" ] && break'
    return "\n".join(
        (
            f"DEVICE=$(curl -s {shlex.quote(endpoints.authorization)} {client} -d {scope})",
            'echo "Open this in any browser: $(echo "$DEVICE" | jq -r .verification_uri_complete)"',
            f"for _ in $(seq {_MOST_QUESTIONS}); do sleep {_PAUSE}; {ask}; done",
            f'curl -H "Authorization: Bearer $TOKEN" {shlex.quote(options.public_url + "/")}',
        )
    )
