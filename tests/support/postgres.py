# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL server on loopback, with TLS of its own CA."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import directory
import live

USER, PASSWORD, NAME = "dex_user", "database-s3cret", "dex"
# It refuses to run as root; then it runs as the user that its package made.
_AS_ROOT = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")


class Postgres:
    """A server with one database, that can be stopped and started again."""

    def __init__(self) -> None:
        # Not below the test's directory, which only its owner may enter.
        self._home = pathlib.Path(tempfile.mkdtemp(prefix="postgres-"))
        self.port = live.free_port()
        self.ca = directory.certificates(self._home)
        self._process: subprocess.Popen[bytes] | None = None
        (self._home / "password").write_text(PASSWORD)
        (self._home / "server.key").chmod(0o600)
        if os.geteuid() == 0:
            for path in (self._home, *self._home.iterdir()):
                shutil.chown(path, "postgres", "postgres")
        words = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={self._home / 'password'}"]
        self._run("initdb", "--no-sync", f"--pgdata={self._home / 'data'}", *words)

    def start(self) -> None:
        """Listen, and return when the server answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._home,
            "ssl": "on",
            "ssl_cert_file": self._home / "server.pem",
            "ssl_key_file": self._home / "server.key",
            "fsync": "off",
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [*_user(), _program("postgres"), "-D", str(self._home / "data"), "-p", str(self.port), *words]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        live.wait(self._answers, hint="PostgreSQL answers")
        missing = f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{NAME}')"
        self.sql(f"SELECT 'CREATE DATABASE {NAME}' {missing}\\gexec")

    def stop(self) -> None:
        """End the server; its data stay until the next start."""
        if self._process is not None:
            # SIGINT: do not wait for clients.
            self._process.send_signal(2)
            self._process.wait(timeout=20)
            self._process = None

    def close(self) -> None:
        """End the server and remove everything."""
        self.stop()
        shutil.rmtree(self._home)

    def sql(self, text: str, database: str = "postgres") -> str:
        """Run some SQL, and return what it prints."""
        command = ["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database, "-tAq"]
        done = subprocess.run(
            command, input=text, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def offer(self) -> dict[str, str]:
        """Return what a charm for this server tells, without secrets."""
        return {"endpoints": f"127.0.0.1:{self.port}", "database": NAME, "version": "15"}

    def _answers(self) -> bool:
        command = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command).returncode == 0

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run([*_user(), _program(name), *arguments], check=True, capture_output=True, cwd="/")


def _user() -> tuple[str, ...]:
    return _AS_ROOT if os.geteuid() == 0 else ()


def _program(name: str) -> str:
    homes = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    program = shutil.which(name, path=os.pathsep.join([*map(str, homes), os.environ["PATH"]]))
    assert program, f"{name} is missing: apt-get install postgresql"
    return program
