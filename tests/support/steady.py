# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Somebody who logs in once a second, and somebody who is in the middle of it."""

import contextlib
import threading
import time

import httpx
import live


class Client:
    """Logs in once a second, with a browser of its own each time, and remembers what failed."""

    def __init__(self, sandbox: live.Live) -> None:
        self._sandbox = sandbox
        self._user, self._password = sandbox.credentials()
        self._over = threading.Event()
        self.logins = 0
        self.failed: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._over.wait(1):
            began = time.monotonic()
            try:
                client, page = self._sandbox.login(self._user, self._password)
            except (live.NoLoginError, httpx.HTTPError) as error:
                self.failed.append(f"{time.monotonic() - began:.1f} s: {error!r}")
                continue
            with contextlib.closing(client):
                self.logins += 1
                if page.status_code != 200 or live.SESSION not in client.cookies:
                    self.failed.append(f"{page.status_code} on {page.url}")

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


class Halfway:
    """Somebody who has opened the login form, and whose password is not typed yet."""

    def __init__(self, sandbox: live.Live) -> None:
        self._user, self._password = sandbox.credentials()
        self._client, self._page = sandbox.begin()

    def finish(self) -> str:
        """Type the password, and return why that did not log in, empty when it did."""
        with contextlib.closing(self._client):
            page = live.submit(self._client, self._page, login=self._user, password=self._password)
            good = page.status_code == 200 and page.url.path == "/" and live.SESSION in self._client.cookies
            return "" if good else f"{page.status_code} on {page.url}: {page.text[:500]}"
