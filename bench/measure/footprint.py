"""What a plain installation and each extra cost: size on disk and time to import.

    python -m bench.measure.footprint
    python -m bench.measure.footprint --extra labels

Sizes are those of all packages that an extra needs beyond the plain installation, as pip recorded their files. Times
are processor time, the least of several fresh interpreters, minus that of an interpreter that imports nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
#: Extra -> what a program that uses it imports.
IMPORTS = {
    "": ("classifier", "classifier.cli", "classifier.catalogue"),
    "service": ("classifier.api.application",),
    "mongo": ("classifier.store.mongo",),
    "labels": ("classifier.labels.answers.asking", "sklearn.linear_model"),
    "onnx": ("onnx",),
    "cluster": ("distributed",),
    "microphone": ("classifier.audio.microphone",),
    "mqtt": ("paho.mqtt.client",),
    "tags": ("mutagen",),
}
_RUNS = 5


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the names of all packages that some requirements need, themselves included.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If one of them is not installed.
    """
    found: set[str] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        extras = requirement.extras or {""}
        if name in found:
            continue
        found.add(name)
        for text in distribution(name).requires or ():
            waiting += [(Requirement(text), wanted) for wanted in extras]
    return found


def n_bytes(names: Iterable[str]) -> int:
    """Return what the files of installed packages take."""
    files = (file for name in names for file in distribution(name).files or ())
    return sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).is_file())


def own_bytes() -> int:
    """Return what the package itself takes, page and documentation included where they are built."""
    folders = (ROOT / name for name in ("classifier", "static", "site"))
    files = (path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in files if path.is_file())


def seconds(statement: str) -> float:
    """Return the least processor time of several fresh interpreters that run a statement."""
    taken = []
    for _ in range(_RUNS):
        before = os.times()
        subprocess.run([sys.executable, "-c", statement], check=True, cwd=ROOT)
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        taken.append(spent)
    return min(taken)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.measure.footprint", description=__doc__.splitlines()[0])
    parser.add_argument("--extra", choices=[name for name in IMPORTS if name], help="only this one")
    only = parser.parse_args().extra
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    plain = closure(project["dependencies"])
    nothing = seconds("pass")
    print("| extra | packages | MB | import | s |")
    print("| --- | ---: | ---: | --- | ---: |")
    for extra, modules in IMPORTS.items():
        if only not in (None, extra):
            continue
        wanted = project["optional-dependencies"].get(extra, ())
        try:
            names = closure(wanted) - plain if extra else plain
        except PackageNotFoundError as error:
            sys.exit(f"{error.name} is not installed: 'make test' installs every extra")
        size = n_bytes(names) + (0 if extra else own_bytes())
        for i, module in enumerate(modules):
            first = (
                (f"`{extra}`" if extra else "none", str(len(names)), f"{size / 1e6:.0f}") if i == 0 else ("", "", "")
            )
            print(f"| {' | '.join(first)} | `{module}` | {max(0.0, seconds(f'import {module}') - nothing):.2f} |")


if __name__ == "__main__":
    main()
