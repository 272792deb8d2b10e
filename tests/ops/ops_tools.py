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


def built(name: str) -> Path:
    """Return the program ``tests/tools/NAME``; skip the test where it cannot be built."""
    go = shutil.which("go")
    if go is None:
        pytest.skip(f"no Go to build tests/tools/{name} with")
    source = TOOLS / name
    digest = hashlib.sha256(b"\0".join((source / part).read_bytes() for part in ("main.go", "go.mod", "go.sum")))
    cache = Path(platformdirs.user_cache_dir("earmark", appauthor=False)) / "tests"
    cache.mkdir(parents=True, exist_ok=True)
    program = cache / f"{name}-{digest.hexdigest()[:16]}"
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            made = program.with_suffix(".new")
            options = ["-mod=readonly", "-trimpath", "-buildvcs=false"]
            environment = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
            command = [go, "build", *options, "-o", str(made), "."]
            done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"tests/tools/{name} cannot be built:\n{done.stderr[-2000:]}")
            made.rename(program)
    return program
