"""Tests with file systems of their own, run in a process whose mounts nobody else sees and that end with it.

That takes a mount namespace of Linux; who is not root, or is root without rights, gets a user namespace too.
"""

from __future__ import annotations

import functools
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
_INSIDE = "OPS_OWN_MOUNTS"


def own_mounts(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that mounts something; it needs ``tmp_path`` and no other fixture that is dear."""
    if os.environ.get(_INSIDE) == "1":
        return test

    @functools.wraps(test)
    def outside(tmp_path: Path, **_: Any) -> None:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "own")]
        done = subprocess.run(
            [*_namespace(), *command, f"{inspect.getfile(test)}::{test.__name__}"],
            cwd=ROOT,
            env={**os.environ, _INSIDE: "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 passed" in done.stdout

    return outside


def _namespace() -> list[str]:
    """Return what to put before a command that mounts; skip the test on a machine where nobody may."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare: it comes with util-linux, on Linux only")
    for options in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        prefix = ["unshare", *options, "--"]
        tried = subprocess.run([*prefix, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True)
        if tried.returncode == 0:
            return prefix
    pytest.skip(f"neither mounts nor user namespaces are allowed here: {tried.stderr.strip()}")


def small_disk(place: Path, size: str) -> Path:
    """Make a file system that holds this much."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", str(place)], check=True)
    return place


def remount(place: Path, how: str) -> None:
    """Change a file system's mode: ``ro`` or ``rw``."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)
