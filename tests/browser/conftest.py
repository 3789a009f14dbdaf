"""A real browser, and JupyterLab behind it. Nothing is installed, nothing leaves 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARTING = 90.0  # seconds for JupyterLab, on a busy machine
LOCAL = ("file:", "data:", "blob:", "about:", "http://127.0.0.1:", "ws://127.0.0.1:")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's chromium; without it these tests are skipped, and say so."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is missing (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A page of its own, which reaches this machine and nothing else."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900})

    def only_local(route: Route) -> None:
        if route.request.url.startswith(LOCAL):
            route.continue_()
        else:
            route.abort()

    context.route("**/*", only_local)
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    port: int
    token: str
    folder: Path

    def url(self, path: str) -> str:
        """Return an address of this server, with its token."""
        sign = "&" if "?" in path else "?"
        return f"http://127.0.0.1:{self.port}/{path}{sign}token={self.token}"


@contextlib.contextmanager
def lab(folder: Path, python_path: Path) -> Iterator[Lab]:
    """Start JupyterLab in a folder; end it and its kernels afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    home = folder / ".home"
    home.mkdir()
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--port-retries=0", f"--IdentityProvider.token={token}"]
    command += ["--expose-app-in-browser", f"--ServerApp.root_dir={folder}", "--allow-root"]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={
                "HOME": str(home),
                "PATH": path,
                "PYTHONPATH": str(python_path),
                "LANG": "C.UTF-8",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            _await(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "log")
            yield Lab(port, token, folder)
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            shutil.rmtree(home, ignore_errors=True)


def _await(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    latest = time.monotonic() + STARTING
    while time.monotonic() < latest and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
