"""The command line, called in this process where that is enough, and as a process of its own where it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from classifier.catalogue import Catalogue
from classifier.cli import main
from classifier.store import Store, open_store
from tests.library import RATE, as_wav, lively_noise

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[Any]:
        """What ``--json`` printed."""
        return [json.loads(line) for line in self.out.splitlines()]


class Earmark:
    """The program, with a data folder of this test's own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.environment = {"EARMARK_DATA_DIR": str(data_dir)}
        self._processes: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: object, stdin: str | None = None, **environment: str) -> Done:
        """Call it in this process."""
        env = {**self.environment, **environment}
        result = CliRunner().invoke(main, [str(a) for a in arguments], input=stdin, env=env)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        """Start it as a process of its own; killed after the test if it still runs."""
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "classifier", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process

    def process(self, *arguments: object, **environment: str) -> Done:
        """Run it as a process of its own, to the end."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=300)
        return Done(process.returncode, out, err)

    def store(self) -> Store:
        """Open the store that it uses; the caller closes it."""
        return open_store(f"sqlite:///{self.data_dir}/earmark.sqlite")

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def earmark(tmp_path: Path) -> Iterator[Earmark]:
    """Return the program with an empty store."""
    program = Earmark(tmp_path / "data")
    yield program
    program.end()


@pytest.fixture
def stocked(library: Catalogue) -> Earmark:
    """Return the program with the session's library, which nobody changes."""
    return Earmark(Path(library.settings.data_dir))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of six short recordings, one of them in a folder below."""
    for i in range(6):
        path = tmp_path / "music" / ("below" if i == 5 else ".") / f"noise {i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_wav(lively_noise(4.0, 700 + i), RATE))
    return tmp_path / "music"
