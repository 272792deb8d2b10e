"""The Dockerfile: what it must and must not say; and every step that needs no engine, executed in the same order."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from ops_dockerfile import Builder, Context, parse, variables

ROOT = Path(__file__).resolve().parents[2]
STEPS = parse((ROOT / "Dockerfile").read_text())
EXECUTE = os.environ.get("EARMARK_REQUIRE_ALL") == "1" or os.environ.get("OPS_DOCKERFILE") == "1"


def last(keyword: str) -> str:
    return next(step.text for step in reversed(STEPS) if step.keyword == keyword)


def test_base_images_are_pinned_and_fit() -> None:
    images = [step.text.split()[0] for step in STEPS if step.keyword == "FROM"]
    for image in images:
        assert re.fullmatch(r"(node|python):\d+\.\d+\.\d+-bookworm-slim|python:\d+\.\d+\.\d+-slim-bookworm", image)
    versions = {image.split(":")[0]: [int(n) for n in re.findall(r"\d+", image)[:3]] for image in images}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f">={'.'.join(map(str, versions['python'][:2]))}" == project["requires-python"]
    engines = json.loads((ROOT / "web" / "package.json").read_text())["engines"]["node"]
    ranges = [[int(n) for n in re.findall(r"\d+", part)] for part in engines.split("||") if "^" in part]
    assert any(versions["node"][0] == r[0] and versions["node"] >= r for r in ranges)


def test_the_image_runs_without_rights() -> None:
    user, _, group = last("USER").partition(":")
    assert int(user) > 1000 < int(group)
    assert f"-o {user} -g {group} /data" in "\n".join(step.text for step in STEPS if step.keyword == "RUN")
    final = STEPS[max(i for i, step in enumerate(STEPS) if step.keyword == "FROM") :]
    assert not [step for step in final if step.keyword in ("RUN", "ADD", "VOLUME")]
    assert {"HEALTHCHECK", "ENTRYPOINT", "CMD", "USER"} <= {step.keyword for step in final}
    environment: dict[str, str] = {}
    for step in final:
        environment |= variables(step.text) if step.keyword == "ENV" else {}
    assert environment["NUMBA_CACHE_DIR"].startswith("/tmp/")
    assert environment["HOME"] == "/tmp"
    assert not any(re.search("PASSWORD|SECRET|TOKEN|STORE", name) for name in environment)


def test_nothing_private_is_sent_to_the_engine() -> None:
    context = Context(ROOT)
    for path in (".env", ".git/config", "deploy/secrets/store", "tests/conftest.py", ".demo/earmark.sqlite"):
        assert not context.takes(path), path
    for path in ("web/node_modules/x/index.js", "classifier/__pycache__/x.pyc", "web/.angular/cache/x"):
        assert not context.takes(path), path
    for path in ("classifier/data/cohort-1.npz", "web/src/main.ts", "web/.npmrc", "app.py", "deploy/mongo_setup.py"):
        assert context.takes(path), path


def test_everything_that_is_copied_is_there() -> None:
    context = Context(ROOT)
    for step in STEPS:
        if step.keyword == "COPY" and "from" not in step.options:
            for source in step.text.split()[:-1]:
                assert list(context.files(source)), source


@pytest.mark.skipif(not EXECUTE, reason="takes minutes: set OPS_DOCKERFILE=1")
def test_every_step_works_in_order(tmp_path: Path) -> None:
    builder = Builder(ROOT, tmp_path / "root")
    for step in STEPS:
        builder.run(step)
    assert builder.done == [step.keyword for step in STEPS]
    assert (tmp_path / "root" / "app" / "static" / "index.html").is_file()
    cached = list((tmp_path / "root" / "app" / "numba").rglob("*.nbc"))
    assert len(cached) >= 2

    def state() -> dict[str, tuple[int, int]]:
        here = tmp_path / "root"
        files = (path for name in ("app", "venv") for path in (here / name).rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}

    before = state()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**builder.variables(), "EARMARK_HOST": "127.0.0.1", "EARMARK_PORT": str(port)}
    with open(tmp_path / "output.txt", "wb") as output:
        process = subprocess.Popen(
            [*builder.entrypoint, *builder.command],
            cwd=builder.folder,
            env={**environment, "WEB_CONCURRENCY": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 120
        while not ready(port):
            assert process.poll() is None, (tmp_path / "output.txt").read_text()
            assert time.monotonic() < deadline, (tmp_path / "output.txt").read_text()
            time.sleep(0.2)
        assert subprocess.run(builder.health, env=environment, timeout=60).returncode == 0
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
            assert page.read() == (tmp_path / "root" / "app" / "static" / "index.html").read_bytes()
    finally:
        process.terminate()
        process.wait(60)
    # A read-only root file system is enough, and nothing had to be compiled again.
    assert state() == before
    assert len(list((tmp_path / "root" / "tmp" / "numba").rglob("*.nbc"))) == len(cached)
    assert subprocess.run(builder.health, env=environment, timeout=60, capture_output=True).returncode != 0


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
