"""Reads a Dockerfile and does what it says, as far as that goes without an engine, in a scratch folder.

All stages share one folder in place of ``/``, which is right as long as no two of them make different things of the
same name. Absolute paths of the image are replaced by paths in that folder; the base images' programs are those of
this machine.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction: its keyword, its options (``--from=…``), and the rest, continued lines joined."""

    keyword: str
    options: dict[str, str]
    text: str

    def exec_form(self) -> list[str]:
        """Return the words of a JSON array."""
        words: list[str] = json.loads(self.text)
        return words


def parse(text: str) -> list[Instruction]:
    """Return the instructions in order."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = []
    for line in joined.splitlines():
        keyword, _, rest = line.strip().partition(" ")
        options = {}
        while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
            options[match[1]] = match[2]
            rest = rest[match.end() :]
        found.append(Instruction(keyword.upper(), options, rest.strip()))
    return found


def variables(text: str) -> dict[str, str]:
    """Return what an ENV or LABEL instruction sets; values without spaces, or in quotes."""
    pairs = re.findall(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S+)', text)
    return {name: json.loads(value) if value.startswith('"') else value for name, value in pairs}


class Context:
    """The files that ``.dockerignore`` lets through."""

    def __init__(self, root: Path) -> None:
        self.root = root
        lines = [line.strip() for line in (root / ".dockerignore").read_text().splitlines()]
        self._rules = [
            (line.startswith("!"), line.removeprefix("!")) for line in lines if line and not line.startswith("#")
        ]

    def takes(self, path: str) -> bool:
        """Return whether a file, by its path relative to the root, is sent; the last rule that matches decides."""
        parts = path.split("/")
        taken = True
        for is_exception, pattern in self._rules:
            prefixes = ["/".join(parts[: i + 1]) for i in range(len(parts))]
            if any(_matches(prefix, pattern) for prefix in prefixes):
                taken = is_exception
        return taken

    def files(self, source: str) -> Iterator[str]:
        """Iterate over the files that a COPY of ``source`` copies."""
        start = self.root / source
        if start.is_file():
            if self.takes(source):
                yield source
            return
        for folder, names, files in os.walk(start):
            inside = os.path.relpath(folder, self.root)
            names[:] = [name for name in names if name not in ("node_modules", ".angular", "__pycache__")]
            for name in files:
                path = os.path.normpath(os.path.join(inside, name))
                if self.takes(path):
                    yield path


def _matches(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatchcase(path.rsplit("/", 1)[-1], pattern[3:])
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


class Builder:
    """Executes the instructions of all stages in order."""

    def __init__(self, repository: Path, scratch: Path) -> None:
        self.context = Context(repository)
        self.root = scratch
        self.environment: dict[str, str] = {}
        self.folder = scratch
        self.entrypoint: list[str] = []
        self.command: list[str] = []
        self.health: list[str] = []
        self.done: list[str] = []
        tools = scratch / "tools"
        tools.mkdir(parents=True)
        (tools / "python").symlink_to(getattr(sys, "_base_executable", sys.executable))
        (scratch / "tmp").mkdir()

    def here(self, text: str) -> str:
        """Replace the image's absolute paths."""
        return re.sub(r"(?<![\w./-])/(venv|app|src|data|tmp)(?![\w-])", rf"{self.root}/\1", text)

    def run(self, instruction: Instruction) -> None:
        """Execute one instruction."""
        getattr(self, "_" + instruction.keyword.lower())(instruction)
        self.done.append(instruction.keyword)

    def variables(self) -> dict[str, str]:
        """Return the environment of a process in the image."""
        own = {name: self.here(value) for name, value in self.environment.items()}
        path = os.pathsep.join([*own.pop("PATH", "").split(os.pathsep), str(self.root / "tools"), os.environ["PATH"]])
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("EARMARK_", "PYTHON", "VIRTUAL_ENV"))}
        return {**outside, **own, "PATH": path.lstrip(os.pathsep)}

    def _from(self, _: Instruction) -> None:
        self.environment, self.folder = {}, self.root

    def _workdir(self, instruction: Instruction) -> None:
        self.folder = Path(self.here(instruction.text))
        self.folder.mkdir(parents=True, exist_ok=True)

    def _env(self, instruction: Instruction) -> None:
        self.environment.update(variables(instruction.text))
        self.environment.pop("PIP_NO_CACHE_DIR", None)  # here a cache is welcome

    def _copy(self, instruction: Instruction) -> None:
        *sources, target = instruction.text.split()
        goal = Path(self.here(target)) if target.startswith("/") else self.folder / target
        if "from" in instruction.options:
            (source,) = (Path(self.here(s)) for s in sources)
            assert source.exists(), source
            if source != goal:
                shutil.copytree(source, goal, dirs_exist_ok=True)
            return
        for source in sources:
            files = list(self.context.files(source))
            assert files, f"COPY {source}: nothing of it is in the context"
            is_folder = (self.context.root / source).is_dir()
            for file in files:
                inside = os.path.relpath(file, source) if is_folder else Path(file).name
                place = goal / inside if is_folder or target.endswith("/") else goal
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.context.root / file, place)

    def _run(self, instruction: Instruction) -> None:
        command = self.here(instruction.text)
        if os.geteuid() != 0:
            command = re.sub(r" -[og] \d+", "", command)  # giving files away takes root
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, env=self.variables(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"RUN {instruction.text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    def _entrypoint(self, instruction: Instruction) -> None:
        self.entrypoint = [self.here(word) for word in instruction.exec_form()]

    def _cmd(self, instruction: Instruction) -> None:
        self.command = [self.here(word) for word in instruction.exec_form()]

    def _healthcheck(self, instruction: Instruction) -> None:
        assert instruction.text.startswith("CMD ")
        self.health = [self.here(word) for word in json.loads(instruction.text.removeprefix("CMD "))]

    def _label(self, instruction: Instruction) -> None:
        assert variables(instruction.text)

    def _user(self, _: Instruction) -> None:
        """Taking on another user is the engine's business."""

    def _expose(self, _: Instruction) -> None:
        """So are ports."""
