# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration's application: shows what a program behind the gateway receives."""

import argparse
import html
import http.server
import json

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>You are logged in</title>
<style>
:root {{ color-scheme: light dark; --line: #8883; --soft: #8881; --accent: #2563eb; }}
body {{ margin: 0; font: 16px/1.55 system-ui, sans-serif; }}
main {{ max-width: 46rem; margin: 0 auto; padding: 3rem 1.25rem; }}
h1 {{ margin: 0; font-size: 1.7rem; overflow-wrap: anywhere; }}
p {{ margin: .6rem 0; }}
a.button {{ display: inline-block; margin: 1rem 0 2rem; padding: .5rem 1.1rem; border-radius: .4rem; color: #fff;
  background: var(--accent); text-decoration: none; }}
h2 {{ margin: 0 0 .5rem; font-size: 1.05rem; }}
table {{ width: 100%; border-collapse: collapse; font-size: .88rem; }}
td {{ padding: .35rem .6rem; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }}
td:first-child {{ width: 30%; font-family: ui-monospace, monospace; }}
tr.identity {{ background: var(--soft); font-weight: 600; }}
small {{ opacity: .7; }}
</style>
</head>
<body>
<main>
<h1>Hello, {user}</h1>
<p>You asked for <b>{path}</b>{groups}.</p>
<a class="button" href="/authservice/logout">Log out</a>
<h2>What an application behind the gateway receives</h2>
<table>
{rows}
</table>
<p><small>Whatever a client sends as kubeflow-userid or kubeflow-groups never arrives here:
only the gatekeeper sets them.</small></p>
</main>
</body>
</html>
"""
_ROW = "<tr{css}><td>{name}</td><td>{value}</td></tr>"
_IDENTITY = ("kubeflow-userid", "kubeflow-groups")


def page(path: str, headers: dict[str, str]) -> str:
    """Return the page for a person."""
    shown = {name: _shown(name, value) for name, value in sorted(headers.items())}
    rows = "\n".join(
        _ROW.format(
            css=" class=identity" if name in _IDENTITY else "", name=html.escape(name), value=html.escape(value)
        )
        for name, value in sorted(shown.items(), key=lambda item: (item[0] not in _IDENTITY, item[0]))
    )
    groups = headers.get("kubeflow-groups", "")
    return _PAGE.format(
        user=html.escape(headers.get("kubeflow-userid") or "whoever you are"),
        path=html.escape(path),
        groups=f", as a member of {html.escape(groups)}" if groups else "",
        rows=rows,
    )


def _shown(name: str, value: str) -> str:
    """Keep credentials off the screen: the names of cookies say enough."""
    if name == "cookie":
        return "; ".join(f"{part.split('=')[0].strip()}=…" for part in value.split(";"))
    return f"{value[:12]}…" if name in ("authorization", "x-auth-token") else value


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request with what it received: a page for browsers, JSON for everything else."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer a request of any method."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if "text/html" in headers.get("accept", ""):
            self._send("text/html; charset=utf-8", page(self.path, headers))
            return
        path, _, query = self.path.partition("?")
        shown = {name: _shown(name, value) for name, value in headers.items()}
        self._send(
            "application/json",
            json.dumps({"method": self.command, "path": path, "query": query, "headers": shown}, indent=2),
        )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 - the base's names

    def _send(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: paths can carry secrets."""
        del format, args


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(prog="echo", description="Show every request that arrives.")
    parser.add_argument("--listen", default="127.0.0.1:8000", metavar="ADDRESS:PORT")
    host, _, port = parser.parse_args().listen.rpartition(":")
    http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
