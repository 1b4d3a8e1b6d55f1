# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Somebody who logs in once a second, somebody who asks again and again, and somebody who is in the middle of it."""

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


class Asking:
    """Asks Dex through the gateway without a pause, and remembers what did not come back."""

    def __init__(self, sandbox: live.Live) -> None:
        self._sandbox = sandbox
        self._over = threading.Event()
        self.answers = 0
        self.failed: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with self._sandbox.client() as client:
            while not self._over.wait(0.02):
                try:
                    answer = client.get("/dex/keys")
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                    continue
                self.answers += 1
                if answer.status_code != 200:
                    self.failed.append(f"{answer.status_code}: {answer.text[:200]}")

    def __enter__(self) -> "Asking":
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

    def type_password(self) -> str:
        """Type the password, and return where Dex sends the browser with a code."""
        self._client.follow_redirects = False
        page = live.submit(self._client, self._page, login=self._user, password=self._password)
        while "code=" not in page.headers["location"]:
            page = self._client.get(page.headers["location"])
        self._client.follow_redirects = True
        return page.headers["location"]

    def come_back(self, url: str) -> str:
        """Bring the code to the gatekeeper, and return why that did not log in, empty when it did."""
        with contextlib.closing(self._client):
            return self._judge(self._client.get(url))

    def finish(self) -> str:
        """Type the password, and return why that did not log in, empty when it did."""
        with contextlib.closing(self._client):
            return self._judge(live.submit(self._client, self._page, login=self._user, password=self._password))

    def _judge(self, page: httpx.Response) -> str:
        good = page.status_code == 200 and page.url.path == "/" and live.SESSION in self._client.cookies
        return "" if good else f"{page.status_code} on {page.url}: {page.text[:500]}"
