"""Arrows point one way: which module may import which, and that importing does nothing else."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "classifier"

#: The architecture, from the ground up: a folder or module imports only what stands above it in this list, and its own.
LAYERS = (
    ("identifiers",),  # names and form of what names a recording elsewhere
    ("errors", "results", "data", "metrics", "text"),  # words and tables that everything shares
    ("bounds", "extras", "frames", "instructions", "noise", "svg"),  # checks; grids of frames; machine; noise; charts
    ("config", "settings"),  # what defines a catalogue; what a process is set to
    ("demo",),  # songs and a phone, synthesised
    ("audio", "mixtures", "fingerprint"),  # decoding; the divergence half; the bits half
    ("labels",),  # genre, mood and tags
    ("models",),  # both halves joined: what is stored of a track and made of a snippet
    ("store",),  # documents in SQLite or MongoDB; knows no track
    ("records",),  # catalogues, tracks, tags, keys ... as documents
    ("index",),  # memory-mapped arrays in step with the records
    ("search",),  # ranking, alignment, significance, verdict
    ("enrolling", "identifying"),  # from a file to a stored track; from a snippet to a tag
    ("catalogue",),  # the sentence the whole program speaks
    ("cluster",),  # the same with several machines
    ("likeness",),  # which tracks sound alike, and a map of them
    ("listening",),  # hours of sound: the streaming engine, tracklists
    ("stages",),  # every stage as one pure function
    ("care",),  # tending the library: metadata, tags of files, copies
    ("experiments",),  # catalogues asked about recordings whose track is known
    ("players",),  # other people's programs and services
    ("work",),  # jobs
    ("api",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

#: Libraries that only some parts may know of.
FENCED = {
    "flask": ("api",),
    "apiflask": ("api",),
    "flask_cors": ("api",),
    "werkzeug": ("api",),
    "gunicorn": ("api",),
    "pydantic": ("api",),
    "prometheus_client": ("api.telemetry", "api.server"),
    "click": ("cli",),
    "rich": ("cli",),
    "pymongo": ("store.mongo",),
    "bson": ("store.mongo",),
    "sqlite3": ("store.sqlite",),
    "av": ("audio.child", "audio.containers", "audio.pcm", "audio.tap", "demo.songs"),
    "mutagen": ("audio.tagwriting",),
    "sounddevice": ("audio.microphone",),
    "opentelemetry": ("api.tracing",),
    "paho": ("cli.mqtt",),
    "distributed": ("cluster",),
    "dask": ("cluster",),
    "beets": ("players.beetsplug.earmark",),
    "picard": ("players.picardplug.earmark",),
    "PyQt6": ("players.picardplug.earmark",),
    "librosa": ("labels.timbre", "labels.hpss_contrast"),
    "PIL": ("labels.pictures",),
    "sklearn": ("labels.training.estimators", "labels.training.foreign", "labels.training.card", "likeness.layout"),
    "onnx": ("labels.scoring.export",),
    "llvmlite": ("fingerprint.mismatches", "instructions"),
    "numba": (
        "fingerprint.agreement",
        "fingerprint.mismatches",
        "fingerprint.reading",
        "listening.path",
        "listening.spectra",
        "mixtures.slots",
        "models.coding",
        "models.numbers",
        "models.thinning",
        "index.gaussians",
        "index.lists",
        "index.reduced",
        "instructions",
    ),
}


def modules() -> dict[str, Path]:
    """Return every module by its name below ``classifier``."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text())


def imported(name: str, *, top_level: bool = False) -> set[str]:
    """Return full names of what a module imports, inside functions too unless told otherwise."""
    if top_level:
        guards = [node for node in tree(name).body if isinstance(node, ast.If)]
        typing_only = {id(n) for guard in guards if "TYPE_CHECKING" in ast.dump(guard.test) for n in ast.walk(guard)}
        inside = (ast.walk(n) for n in ast.walk(tree(name)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        skipped = typing_only | {id(node) for node in chain.from_iterable(inside)}
    else:
        skipped = set()
    names = set()
    for node in ast.walk(tree(name)):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are written out"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own(names: set[str]) -> set[str]:
    """Return which modules of ours are meant, as names below ``classifier``."""
    found = set()
    for name in names:
        if name.split(".")[0] != "classifier":
            continue
        inner = name.partition(".")[2]
        while inner and inner not in MODULES:
            inner = inner.rpartition(".")[0]
        if inner:
            found.add(inner)
    return found


def test_every_part_has_its_place():
    parts = {name.split(".")[0] for name in MODULES if name}
    assert parts == set(LEVEL), "a new part of the program needs a place among the layers of this test"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_arrows_point_down(name):
    part = name.split(".")[0]
    for other in own(imported(name)):
        target = other.split(".")[0]
        # The package itself, which stands for all, names what it exports for type checkers alone.
        assert target == part or LEVEL[target] < LEVEL.get(part, len(LAYERS)), f"{name} imports {other}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_libraries_stay_behind_their_fences(name):
    for library in {full.split(".")[0] for full in imported(name)} & set(FENCED):
        allowed = FENCED[library]
        assert any(name == place or name.startswith(place + ".") for place in allowed), f"{name} imports {library}"


def test_the_map_for_contributors_shows_the_same_layers():
    """The table of CONTRIBUTING.md names every part, and a lower layer before a higher one."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("| folder or module | holds |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)(?:/|\.py)`", row.split("|")[1]) for row in text.splitlines() if row.startswith("| `")]
    assert {part for row in rows for part in row} == set(LEVEL) - {"__main__"}
    levels = [LEVEL[part] for row in rows for part in row]
    assert levels == sorted(levels)


def test_no_module_needs_itself():
    """Imports at the top of modules have no cycle, so every module can be imported first."""
    arrows = {name: own(imported(name, top_level=True)) - {name} for name in MODULES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for other in arrows[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


def test_nothing_reads_the_environment_when_it_is_imported():
    for name in MODULES:
        inside = [n for n in ast.walk(tree(name)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)]
        deferred = {id(node) for function in inside for node in ast.walk(function)}
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"):
                assert id(node) in deferred, f"{name}, line {node.lineno}"


#: Imported by another program alone; what that one starts is its own affair.
GUESTS = ("players.picardplug.earmark",)


def run(code: str) -> dict:
    """Run code in a fresh interpreter; it prints one JSON object."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_everything_starts_nothing():
    """No thread, process or socket, no file written, no EARMARK variable read."""
    code = f"""
import json, os, sys, threading
read, seen = [], []

class Watched(dict):
    def __getitem__(self, key):
        read.append(key)
        return super().__getitem__(key)
    def get(self, key, default=None):
        read.append(key)
        return super().get(key, default)
    def copy(self):
        return dict(self)

os.environ = Watched(os.environ)

def hook(event, arguments):
    if event in ("subprocess.Popen", "os.fork", "os.posix_spawn", "socket.connect", "socket.bind", "os.mkdir"):
        seen.append([event, str(arguments[0])])
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append([event, str(arguments[0])])

sys.addaudithook(hook)
import importlib
for name in {sorted(name for name in MODULES if name and name not in ("__main__", *GUESTS))!r}:
    importlib.import_module("classifier." + name)
ours = [e for e in seen if "__pycache__" not in e[1]]  # what the interpreter and numba keep is theirs
print(json.dumps({{
    "read": [name for name in read if str(name).startswith("EARMARK")],
    "seen": ours,
    "threads": [t.name for t in threading.enumerate()],
}}))
"""
    assert run(code) == {"read": [], "seen": [], "threads": ["MainThread"]}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import classifier", ["numpy", "scipy", "numba", "av", "flask", "click", "pymongo", "classifier.catalogue"]),
        ("import classifier.cli", ["numpy", "numba", "flask", "pymongo", "classifier.catalogue"]),
        (
            "import classifier.catalogue, classifier.search.pipeline, classifier.cli.enroll, classifier.cli.identify",
            ["flask", "apiflask", "werkzeug", "pymongo", "bson", "librosa", "sklearn", "av", "scipy.signal"],
        ),
        (
            "import classifier.labels.answers.asking, classifier.labels.scoring.export, classifier.cli.label",
            ["sklearn", "librosa", "onnx", "flask", "PIL", "av", "pymongo"],
        ),
    ],
    ids=["the package", "the command line", "enrolling and identifying", "labels, but for training"],
)
def test_what_is_not_needed_is_not_loaded(statement, absent):
    loaded = run(f"import json, sys\n{statement}\nprint(json.dumps(dict.fromkeys(sys.modules, 1)))")
    assert [name for name in absent if name in loaded] == []
