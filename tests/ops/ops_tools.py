"""Programs in Go under ``tests/tools``, built once and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import platformdirs
import pytest

TOOLS = Path(__file__).resolve().parents[1] / "tools"


def built(name: str, package: str = ".") -> Path:
    """Return the program ``tests/tools/NAME``, or another package of its module; skip where it cannot be built."""
    go = shutil.which("go")
    if go is None:
        pytest.skip(f"no Go to build tests/tools/{name} with")
    source = TOOLS / name
    parts = [package.encode(), *((source / part).read_bytes() for part in ("main.go", "go.mod", "go.sum"))]
    digest = hashlib.sha256(b"\0".join(parts))
    cache = Path(platformdirs.user_cache_dir("earmark", appauthor=False)) / "tests"
    cache.mkdir(parents=True, exist_ok=True)
    program = cache / f"{name}-{digest.hexdigest()[:16]}"
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            made = program.with_suffix(".new")
            options = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
            environment = {**os.environ, "CGO_ENABLED": "0"}
            command = [go, "build", *options, "-o", str(made), package]
            done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"{package} of tests/tools/{name} cannot be built:\n{done.stderr[-2000:]}")
            made.rename(program)
    return program
