"""A PostgreSQL server of our own, for tests that need one: started in a folder that is gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running_sandbox import free_port

USER = "pinpoint"


class Postgres:
    """One server. It is stopped, killed and started again as tests wish."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.port = free_port()
        self._programs = programs
        self._folder = folder
        self._databases = 0

    def make(self) -> None:
        self._run("initdb", "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, *, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def hang(self) -> None:
        """The server takes connections and answers nothing, until `go_on`."""
        os.killpg(os.getpgid(self.pid), signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(os.getpgid(self.pid), signal.SIGCONT)

    def new_database(self) -> str:
        """The address of an empty database, as CDS_JOURNAL takes it."""
        self._databases += 1
        self._run(
            "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, f"j{self._databases}", data=False
        )
        return f"postgresql+asyncpg://{USER}@127.0.0.1:{self.port}/j{self._databases}"

    def dump(self, url: str) -> str:
        """Everything in a database, as text."""
        name = url.rpartition("/")[2]
        return self._run("pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, name, data=False)

    @property
    def pid(self) -> int:
        """Of the process that all its others come from."""
        return int((self._folder / "postmaster.pid").read_text().splitlines()[0])

    def _run(self, program: str, *arguments: str, data: bool = True) -> str:
        command = [str(self._programs / program), *(["-D", str(self._folder)] if data else []), *arguments]
        if data and os.getuid() == 0:  # a server refuses to run as root
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
        with tempfile.TemporaryFile() as said:  # not a pipe: the server would keep it open
            done = subprocess.run(command, stdout=said, stderr=subprocess.STDOUT, check=False, cwd=self._folder)
            said.seek(0)
            text = said.read().decode()
        assert done.returncode == 0, text
        return text


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A running server. Without one to run the test is skipped, or fails where CDS_REQUIRE names postgres."""
    programs = _programs()
    if programs is None:
        said = "there is no PostgreSQL here: install Debian's package postgresql"
        if "postgres" in os.environ.get("CDS_REQUIRE", "").split(","):
            pytest.fail(said)
        pytest.skip(said)
    folder = Path(tempfile.mkdtemp(prefix="pinpoint-postgres-"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    server = Postgres(programs, folder)
    try:
        server.make()
        server.start()
        yield server
        server.stop(mode="immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """Where the programs of a server are; None when they are not here, or nobody may run them."""
    found = shutil.which("postgres")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    path = Path(found).resolve() if found else debian[-1] if debian else None
    if path is None or (os.getuid() == 0 and not _has_user("postgres")):
        return None
    return path.parent


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
