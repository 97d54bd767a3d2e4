"""The wheel works by itself: in an environment without the checkout, from a folder outside it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA_FOLDERS = ("mappings", "knowledge")
START_S = 30.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel. Built from a copy, so that nothing lying about in the checkout can slip in or out."""
    source = tmp_path_factory.mktemp("source")
    for name in ("cds_hooks", *DATA_FOLDERS, "sandbox", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    target = source / "dist"
    run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", target], cwd=source)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script folder of an empty environment that holds only the wheel.

    The locked dependencies are lent by the project's own environment through a .pth file: their
    modules can be imported, but its .pth files, and with them the editable install, are not read.
    """
    home = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    variables = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", scheme="venv", vars=variables))
    lent = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "lent.pth").write_text("\n".join(sorted(lent)) + "\n", encoding="utf-8")
    folder = Path(sysconfig.get_path("scripts", scheme="venv", vars=variables))
    python = next(folder.glob("python*"))
    pip_install = ["-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    run([sys.executable, *pip_install], cwd=home)
    return folder


def test_wheel_holds_one_package_and_the_data_of_both_folders(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {"cds_hooks"} == {name.split("/")[0] for name in names if ".dist-info/" not in name}
    for folder in DATA_FOLDERS:
        shipped = {name for name in names if name.startswith(f"cds_hooks/_data/{folder}/")}
        assert {f"cds_hooks/_data/{path.relative_to(ROOT).as_posix()}" for path in files_in(folder)} == shipped
        assert any(name.endswith(".yaml") for name in shipped)


def test_import_comes_from_the_wheel_and_not_from_the_checkout(scripts: Path, tmp_path: Path) -> None:
    python = next(scripts.glob("python*"))

    found = run([python, "-c", "import cds_hooks; print(cds_hooks.__file__)"], cwd=tmp_path)

    assert Path(found.strip()).is_relative_to(scripts.parent)


def test_help_names_the_commands(scripts: Path, tmp_path: Path) -> None:
    text = run([scripts / "pinpoint", "--help"], cwd=tmp_path)

    assert "serve" in text
    assert "check" in text


def test_installed_library_is_valid(scripts: Path, tmp_path: Path) -> None:
    run([scripts / "pinpoint", "check"], cwd=tmp_path)


def test_installed_service_answers_discovery(scripts: Path, tmp_path: Path) -> None:
    with (
        serving(scripts / "pinpoint", cwd=tmp_path) as base,
        urlopen(f"{base}/cds-services", timeout=5) as response,
    ):
        status, body = response.status, json.load(response)

    assert 200 == status
    assert body["services"]


def files_in(folder: str) -> list[Path]:
    return [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def run(command: list[object], *, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def environment() -> dict[str, str]:
    """Ours without what would lead back to the checkout, or choose another library or profile."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CDS_", "COVERAGE_"))
    }
    return kept | {"CDS_PROFILE": "sandbox"}


@contextmanager
def serving(pinpoint: Path, *, cwd: Path) -> Iterator[str]:
    """The address of a running `pinpoint serve`; it is ended on the way out, whatever happened."""
    port = free_port()
    log = cwd / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(pinpoint), "serve", "--host", "127.0.0.1", "--port", str(port)],
            cwd=cwd,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_ready(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"pinpoint serve ended by itself:\n{log.read_text(encoding='utf-8')}"
        try:
            with urlopen(f"http://127.0.0.1:{port}/cds-services", timeout=1):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"pinpoint serve did not answer within {START_S} s:\n{log.read_text(encoding='utf-8')}")
