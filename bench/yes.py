# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Says yes to every request that it gets, on the port it is told: what Envoy needs to ask anybody at all."""

import asyncio
import sys

import httptools
import uvloop

_YES = b"HTTP/1.1 200 OK\r\nkubeflow-userid: user@example.com\r\nkubeflow-groups: \r\ncontent-length: 0\r\n\r\n"


class Yes(asyncio.Protocol):
    """A connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read requests."""
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        self.parser.feed_data(data)

    def on_headers_complete(self) -> None:
        """Answer."""
        self.transport.write(_YES)


async def main() -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(Yes, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
