# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The command line of the service."""

import argparse
import json
import logging
import pathlib
import sys
import time

import uvicorn

from gatekeeper import app, protocol, settings

_EXTRA = ("reason", "detail", "user", "session", "request_id")


class JsonLines(logging.Formatter):
    """One JSON object for each line of the log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{stamp}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in _EXTRA if hasattr(record, name)}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def main() -> None:
    """Serve, or with --check say whether the configuration is good."""
    parser = argparse.ArgumentParser(
        prog="gatekeeper", description="External authorization service: answers a gateway's checks, and logs people in."
    )
    parser.add_argument("--config", metavar="F", type=pathlib.Path, required=True, help="the configuration, in JSON")
    parser.add_argument("--check", action="store_true", help="read the configuration, say what is wrong, and end")
    arguments = parser.parse_args()
    try:
        config = settings.load(arguments.config)
    except settings.SettingsError as error:
        print(f"gatekeeper: {error}", file=sys.stderr)
        sys.exit(1)
    if not arguments.check:
        serve(config)


def serve(config: settings.Settings) -> None:
    """Serve until SIGTERM."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    # They log targets and headers, which can carry secrets; what matters is logged here by name.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    service = app.Service(config)
    host, _, port = config.listen.rpartition(":")
    server = uvicorn.Server(
        uvicorn.Config(
            service.application(),
            host=host,
            port=int(port),
            loop="uvloop",
            http=protocol.make(service.checker, config.session_cookie),
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    server.run()


if __name__ == "__main__":
    main()
