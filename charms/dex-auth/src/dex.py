# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Dex: its configuration file and its Pebble layer, from frozen values. Pure."""

import collections.abc
import dataclasses
import json
import pathlib
import re
import typing

import addresses
import connectors
import redaction
import storage
import tuning
from charmkit import desired, rollout, templates
from charmkit.interfaces import postgresql_client

Connector = connectors.Connector
# The Dex that this charm is made for, see the resource dex-image.
VERSION = (2, 44)
SERVICE = "dex"
CHECK = "ready"
_ALIVE = "alive"
# Whether the server of a connector that Dex could not open takes connections again.
AWAY = "connector"
ASK_VERSION = ("/usr/local/bin/dex", "version")
# The one directory that any user of any image may write to; the stock image keeps /etc/dex for others.
_HOME = "/tmp/dex"  # noqa: S108
RECORD = f"{_HOME}/rollout.json"
TELEMETRY_PORT = 5558
_BINARY = "/usr/local/bin/dex"
_CONFIG = f"{_HOME}/config.yaml"
# Names of fields of Dex whose values are secrets: bindPW, clientSecret, password, privateKey and the like.
_SECRET = re.compile(r"pw$|secret|password|key|token", re.IGNORECASE)
_CANDIDATE_CA = f"{_HOME}/candidate-ca.pem"
_CANDIDATE = f"{_HOME}/candidate.yaml"
_AUTHORITIES = f"{_HOME}/authorities"
_CANDIDATE_AUTHORITIES = f"{_HOME}/candidate-authorities"
# Where Go looks for authorities by itself, once it has read the system's bundle.
_SYSTEM_AUTHORITIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")
# Dex opens every connector before it listens; a provider that is slower than this would keep everybody waiting.
_PATIENCE = 5.0
# As JSON, which no name of a client in the log can imitate.
_SERVING = '"msg":"listening on"'
# Where a rehearsal listens while the real one serves.
_REHEARSAL_PORT = 15556
_READABLE = {"level": "info", "format": "json"}
_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_HEALTH = f"http://localhost:{TELEMETRY_PORT}/healthz"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Client:
    """An OAuth 2 client of Dex; a public one has no secret (RFC 6749, section 2.1)."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    secret: str = dataclasses.field(repr=False)
    public: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class User:
    """A user that Dex itself knows; hash is bcrypt's, id is the stable one that becomes part of the subject."""

    username: str
    hash: str = dataclasses.field(repr=False)
    id: str
    groups: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that Dex's configuration depends on."""

    issuer: str
    port: int
    clients: tuple[Client, ...] = ()
    users: tuple[User, ...] = ()
    tuned: tuning.Tuning = dataclasses.field(default_factory=tuning.Tuning)
    connectors: tuple[Connector, ...] = dataclasses.field(default=(), repr=False)
    database: postgresql_client.Database | None = None
    # Whether a volume keeps what a database does not.
    volume: bool = False
    # Certificates in PEM, of whom to trust beside the authorities of the image.
    authorities: str = ""
    # What came out of secrets into connectors, to be kept out of what is shown.
    secrets: frozenset[str] = dataclasses.field(default=frozenset(), repr=False)


def version(output: str) -> tuple[int, int]:
    """Return the version in what Dex prints of itself; one built by hand prints none, and is taken for ours."""
    found = re.search(r"^Dex Version: v?(\d{1,4})\.(\d{1,4})\.", output, re.MULTILINE)
    return (int(found[1]), int(found[2])) if found else VERSION


def no_groups(version: tuple[int, int]) -> str:
    """Return why this Dex cannot tell the groups of its own users, empty when it can."""
    needed = (2, 45)
    return "" if version >= needed else f"Dex 2.45 or newer is needed, this one is {version[0]}.{version[1]}"


def configure(inputs: Inputs) -> desired.Desired:
    """Return what the container of the serving unit shall hold and run."""
    file = desired.File(path=_CONFIG, text=_render(inputs, port=inputs.port, telemetry=TELEMETRY_PORT))
    files = (file, *storage.files(inputs.database), *_authorities(inputs, _AUTHORITIES))
    environment = {
        **_environment(inputs, _AUTHORITIES),
        # A provider that is away when Dex starts must not keep all the others from working.
        "DEX_CONTINUE_ON_CONNECTOR_FAILURE": "true",
        "CONFIG_DIGEST": desired.digest(files),
    }
    service = desired.service(f"{_BINARY} serve {_CONFIG}", environment=environment)
    # A Dex that runs and does not answer is started again by Pebble, but not while it waits for a slow provider.
    service["on-check-failure"] = {_ALIVE: "restart"}
    return desired.Desired(files=files, layer={"services": {SERVICE: service}, "checks": _checks()})


def standby() -> desired.Desired:
    """Return what a unit holds that does not serve: its check fails, so that Kubernetes sends it nobody."""
    # Named, and disabled: what an earlier layer says of it would start it again.
    service = {"override": "replace", "startup": "disabled", "command": f"{_BINARY} serve {_CONFIG}"}
    return desired.Desired(files=(), layer={"services": {SERVICE: service}, "checks": _checks()})


def watch(url: str) -> dict[str, object]:
    """Return the check that recovers once the server of a connector's URL is back.

    It says nothing about the unit: Kubernetes does not hear of it. No layer can take a check away again, and not every
    Pebble of Juju 3.6 can stop one: without a URL it asks Dex itself, once a day.
    """
    host, port = addresses.place(url) if url else ("localhost", TELEMETRY_PORT)
    return {
        "override": "replace",
        "period": "2s" if url else "24h",
        "timeout": "2s",
        "threshold": 1,
        "tcp": {"host": host, "port": port},
    }


def rehearsal(inputs: Inputs, *, strict: bool = True) -> rollout.Rehearsal:
    """Return how Dex itself tries a configuration: on another port.

    It uses the same database, as one unit more would. A volume is for one Dex: then it has a memory of its own.

    Args:
        inputs: what to try.
        strict: whether every connector must open.
    """
    text = _render(inputs, port=_REHEARSAL_PORT, telemetry=0)
    return rollout.Rehearsal(
        files=(
            desired.File(path=_CANDIDATE, text=text),
            *storage.files(inputs.database, ca=_CANDIDATE_CA),
            *_authorities(inputs, _CANDIDATE_AUTHORITIES),
        ),
        command=(_BINARY, "serve", _CANDIDATE),
        environment={
            **_environment(inputs, _CANDIDATE_AUTHORITIES),
            "DEX_CONTINUE_ON_CONNECTOR_FAILURE": "false" if strict else "true",
        },
        timeout=_PATIENCE,
        serving=_SERVING,
        first=bool(inputs.connectors or inputs.database),
    )


def alone(inputs: Inputs, entry: Connector) -> Inputs:
    """Return what tries one connector by itself."""
    return dataclasses.replace(inputs, connectors=(entry,), users=(), clients=(), database=None)


def words(output: str, inputs: Inputs) -> str:
    """Return the sentence in which Dex says why it did not start, out of its log and without any secret."""
    output = redaction.hide(output, _secrets(inputs))
    sentences = [_sentence(line) for line in output.splitlines() if line.strip()]
    fatal = [text for text in sentences if text.startswith(("failed to", "error", "invalid"))]
    text = (fatal or sentences or ["it said nothing"])[-1]
    text = re.sub(r"^failed to initialize server: (server: )?", "", text)
    return " ".join(text.split())[:300]


def _secrets(inputs: Inputs) -> set[str]:
    """Return what of the inputs must not be shown."""
    values = [*inputs.secrets] + [client.secret for client in inputs.clients] + [user.hash for user in inputs.users]
    if inputs.database:
        values.append(inputs.database.password)
    for connector in inputs.connectors:
        values += _secret_values(connector)
    return set(values)


def _secret_values(value: object, name: str = "") -> collections.abc.Iterator[str]:
    if isinstance(value, dict):
        for key, item in typing.cast("Connector", value).items():
            yield from _secret_values(item, key)
    elif isinstance(value, list):
        for item in typing.cast("list[object]", value):
            yield from _secret_values(item, name)
    elif isinstance(value, str) and _SECRET.search(name):
        yield value


def _sentence(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return line.strip()
    if not isinstance(entry, dict):
        return line.strip()
    said = typing.cast("dict[str, object]", entry)
    return " ".join(str(said[key]) for key in ("msg", "err", "error") if key in said)


def _environment(inputs: Inputs, authorities: str) -> dict[str, str]:
    # Dex would replace $words in connectors by variables; a password may well contain a dollar.
    environment = {"DEX_EXPAND_ENV": "false"}
    if inputs.authorities:
        # Directories that Go reads (https://pkg.go.dev/crypto/x509#SystemCertPool), beside the bundle of the system.
        environment["SSL_CERT_DIR"] = ":".join((*_SYSTEM_AUTHORITIES, authorities))
    return environment


def _authorities(inputs: Inputs, directory: str) -> tuple[desired.File, ...]:
    text = inputs.authorities
    return (desired.File(path=f"{directory}/received.pem", text=text),) if text else ()


def _checks() -> dict[str, object]:
    # A database that is away makes Dex not ready; to start it again would not help.
    alive = desired.http_check(f"{_HEALTH}/live", level="alive", period="2s", threshold=10)
    return {CHECK: desired.http_check(f"{_HEALTH}/ready"), _ALIVE: alive}


def _storage(inputs: Inputs, *, rehearsed: bool) -> dict[str, typing.Any]:
    if rehearsed:
        return storage.configuration(inputs.database, ca=_CANDIDATE_CA)
    return storage.configuration(inputs.database, volume=inputs.volume)


def _render(inputs: Inputs, *, port: int, telemetry: int) -> str:
    tuned = inputs.tuned
    values = {
        "issuer": inputs.issuer,
        "storage": _storage(inputs, rehearsed=not telemetry),
        "web": f"0.0.0.0:{port}",
        "telemetry": f"0.0.0.0:{telemetry}" if telemetry else "",
        "clients": [
            {
                "id": client.id,
                "name": client.name,
                "redirectURIs": list(client.redirect_uris),
                **({"public": True} if client.public else {"secret": client.secret}),
            }
            for client in inputs.clients
        ],
        "connectors": list(inputs.connectors),
        # What a rehearsal says is read here, so it has its own level and format.
        "logger": {"level": tuned.log_level, "format": tuned.log_format} if telemetry else _READABLE,
        "frontend": {"issuer": tuned.title, "theme": tuned.theme},
        "password_connector": tuned.password_connector,
        "lifetimes": tuned.lifetimes,
        "users": [
            {"email": user.username, "username": user.username, "hash": user.hash, "userID": user.id}
            | ({"groups": list(user.groups)} if user.groups else {})
            for user in inputs.users
        ],
    }
    return templates.render(_TEMPLATES, "config.yaml.j2", values)
