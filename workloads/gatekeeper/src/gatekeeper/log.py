# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Log lines: one JSON object each, on standard output."""

import json
import logging
import sys
import time

from gatekeeper import answer, head

logger = logging.getLogger("gatekeeper")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; `extra={"fields": {...}}` adds keys."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure() -> None:
    """Send everything that this process logs to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)


def refused(what: answer.Answer, request: head.Head) -> None:
    """Write why a request was not let in; never what it carried or where it went."""
    fields = {
        "event": "refused",
        "reason": what.reason,
        "status": what.status,
        "method": request.method.decode("latin-1"),
        "request_id": what.request_id,
    }
    logger.info("refused", extra={"fields": fields})
