"""Install the wheel as a stranger would, in empty environments far from the source, and use it.

    make wheel && python tests/tools/check_wheel.py dist/earmark-*.whl

The plain package has to identify, to hold the documentation, and to say what ``serve`` lacks; with the extras of a
service the demo has to name its snippet, and the page has to be served. Packages come from the configured index.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path


def environment(folder: Path, requirement: str) -> Path:
    """Make an environment with one requirement; return its folder of programs."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", requirement], check=True)
    return folder / "bin"


def run(command: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of an environment in a folder of its own, with its data there."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("EARMARK_", "PYTHON"))}
    own["EARMARK_DATA_DIR"] = str(folder / "data")
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)


def check_plain(wheel: Path, folder: Path) -> None:
    """The library and the command line need nothing of the service."""
    programs = environment(folder / "plain", str(wheel))
    done = run([programs / "earmark", "demo", "--no-serve", "--json"], folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "identified", done.stdout
    done = run([programs / "earmark", "docs", "mathematics", "--where"], folder)
    assert done.returncode == 0, done.stderr
    assert "<math" in Path(done.stdout.strip()).read_text(), "the documentation is not in the package"
    done = run([programs / "earmark", "serve"], folder)
    assert done.returncode == 1, done
    assert "pip install 'earmark[service]'" in done.stderr, done.stderr
    done = run([programs / "earmark", "--store", "mongodb://127.0.0.1/earmark", "tracks", "list"], folder)
    assert done.returncode == 1, done
    assert "pip install 'earmark[mongo]'" in done.stderr, done.stderr


def check_service(wheel: Path, folder: Path) -> None:
    """The page is in the package."""
    programs = environment(folder / "service", f"{wheel}[service,mongo,listen]")
    done = run([programs / "earmark", "demo", "--no-serve", "--json"], folder)
    assert json.loads(done.stdout)["verdict"] == "identified", done.stderr
    own = {**os.environ, "EARMARK_DATA_DIR": str(folder / "data")}
    command = [programs / "earmark", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=own, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with urllib.request.urlopen(url) as answer:
                assert b"<title>Earmark" in answer.read(), "the page is not in the package"
        finally:
            process.terminate()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    wheel = parser.parse_args().wheel.resolve()
    with tempfile.TemporaryDirectory() as folder:
        check_plain(wheel, Path(folder))
        check_service(wheel, Path(folder))
    print(f"{wheel.name} works on its own", file=sys.stderr)


if __name__ == "__main__":
    main()
