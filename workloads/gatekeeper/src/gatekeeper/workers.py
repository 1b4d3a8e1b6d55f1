# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Several processes that serve one port: starts them, starts those again that die, and ends with the last."""

import collections.abc
import logging
import os
import signal
import socket
import threading
import time
import types

logger = logging.getLogger(__name__)

# Seconds after which a process that dies had been running; one that dies sooner would die again.
_RUNNING = 2.0
# Seconds that the processes have, after they were told to stop.
_GRACE = 5.0

Work = collections.abc.Callable[[int], int]


class Team:
    """The processes, and who watches over them: this one, which answers nothing itself.

    Each process is given sockets of its own that were made here. They stay open here, so that connections which wait
    for a process that dies are answered by the one that takes its place.
    """

    def __init__(self, size: int, listeners: collections.abc.Collection[socket.socket], work: Work) -> None:
        self._listeners = listeners
        self._work = work
        self._started: dict[int, tuple[int, float]] = {}
        self._stopping = False
        self._killer: threading.Timer | None = None
        # Nobody ever writes: that it ends tells the processes that this one has.
        self._alive = os.pipe()
        self._waiting = list(range(size))

    def run(self) -> int:
        """Serve until told to stop, and return an exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        status = 0
        while self._waiting or self._started:
            while self._waiting:
                self._start(self._waiting.pop())
            pid, ended = os.wait()
            number, since = self._started.pop(pid)
            if self._stopping:
                continue
            code = os.waitstatus_to_exitcode(ended)
            logger.error("a worker ended", extra={"fields": {"worker": number, "code": code}})
            if time.monotonic() - since < _RUNNING:
                status = 1
                self._stop()
            else:
                self._waiting.append(number)
        if self._killer is not None:
            self._killer.cancel()
        return status

    def _start(self, number: int) -> None:
        # A signal between the fork and its being noted would be for nobody.
        signals = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        pid = 0 if self._stopping else os.fork()
        if pid:
            self._started[pid] = (number, time.monotonic())
        elif not self._stopping:
            self._be_worker(number, signals)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    def _be_worker(self, number: int, signals: set[signal.Signals]) -> None:
        code = 1
        try:
            for blocked in signals:
                signal.signal(blocked, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            os.close(self._alive[1])
            threading.Thread(target=_end_with, args=(self._alive[0],), daemon=True).start()
            code = self._work(number)
        except BaseException:
            logger.critical("a worker cannot go on", exc_info=True)
            raise
        finally:
            # Not by leaving the caller's frames: what they would do is for the process that they belong to.
            os._exit(code)

    def _stop(self, number: int = signal.SIGTERM, frame: types.FrameType | None = None) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._waiting.clear()
        for listener in self._listeners:
            listener.close()
        self._tell(signal.SIGTERM)
        self._killer = threading.Timer(_GRACE, self._tell, [signal.SIGKILL])
        self._killer.daemon = True
        self._killer.start()

    def _tell(self, number: signal.Signals) -> None:
        for pid in list(self._started):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _end_with(descriptor: int) -> None:
    """Wait until the process that started this one is gone, and end with it."""
    os.read(descriptor, 1)
    os.kill(os.getpid(), signal.SIGTERM)
