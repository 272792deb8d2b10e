"""The sizes that docs/operations.md states, measured on what is stored."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from api_client import ROOT, environment

from classifier.catalogue import Catalogue
from classifier.demo.songs import compose
from classifier.settings import Settings
from classifier.store import open_store
from tests.api.api_client import wav

TEXT = (ROOT / "docs" / "operations.md").read_text()


def stated(row: str) -> list[float]:
    """Return the numbers in the last two columns of a row of the table of sizes."""
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| {row}"))
    return [float(cell.replace(",", "")) for cell in line.split("|")[2:4] if cell.strip()]


def test_what_an_hour_takes_in_the_store(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    song = compose(3, duration_s=65.0)
    with Catalogue.open(settings=settings) as catalogue:
        track = catalogue.enroll(wav(song.samples, song.sample_rate)).track
    store = open_store(settings.store)
    n_bytes = {kind: sum(len(c["data"]) for c in store.find(kind)) for kind in ("models", "subfingerprints")}
    store.close()
    a_window, an_hour = stated("store: mixtures")
    assert n_bytes["models"] / track.n_windows == pytest.approx(a_window, rel=0.01)
    assert n_bytes["models"] / track.n_windows * 3600 / 1e6 == pytest.approx(an_hour, rel=0.01)
    (an_hour,) = stated("store: sub-fingerprints")
    assert n_bytes["subfingerprints"] / track.duration_s * 3600 / 1e6 == pytest.approx(an_hour, rel=0.02)


STARTS = {
    "command line": "from classifier.cli import main; main(['catalogues', 'list'], standalone_mode=False)",
    "gunicorn": "import runpy; runpy.run_path('gunicorn.conf.py')",
}


@pytest.mark.parametrize("how", STARTS)
def test_libraries_for_matrices_use_one_thread(tmp_path: Path, how: str) -> None:
    """Set before numpy is loaded, unless whoever starts the program has set something else."""
    names = re.findall(r"`(\w+_NUM_THREADS)=1`", TEXT)
    assert names
    own = {name: value for name, value in environment(tmp_path, {}).items() if not name.endswith("_NUM_THREADS")}
    code = f"{STARTS[how]}; import os; print(*(os.environ[name] for name in {names!r}))"
    for given, seen in (({}, "1"), (dict.fromkeys(names, "3"), "3")):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**own, **given}, capture_output=True, text=True, check=True
        )
        assert done.stdout.split()[-len(names) :] == [seen] * len(names)
    assert os.environ.get(names[0]) == "1"
