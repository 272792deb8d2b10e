"""``earmark doctor``: checks whether everything is in order and, if not, says what to do."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from classifier import __version__
from classifier.cli.common import Shell, shell_command
from classifier.errors import EarmarkError

if TYPE_CHECKING:
    from classifier.store.base import Store

#: Free space below which enrolling is likely to fail.
_LOW_DISK_BYTES = 500_000_000
#: Of decoders, by whether Landlock at least keeps files from them.
_HALF_FENCED = {
    True: "without files but not without network: this kernel has Landlock, but no seccomp that Earmark knows",
    False: "but nothing except its limits fences it in: this system has neither seccomp nor Landlock",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was checked, whether it is in order, and what was found."""

    name: str
    ok: bool
    detail: str


@click.command()
@click.option(
    "--repair", is_flag=True, help="Repair what is safe to repair: leftovers of crashes, damage to the index."
)
@shell_command
def doctor(shell: Shell, repair: bool) -> None:
    """Check settings, disk, decoder, store and index; exit with status 1 if anything is wrong.

    \b
    Example:
      earmark doctor --repair
    """
    checks = [
        Check("earmark", True, f"{__version__}, Python {platform.python_version()}"),
        _check("disk", lambda: _disk(Path(shell.settings.data_dir))),
        _check("decoder", lambda: _decoder(shell)),
        _check("identification", _self_test),
        *_store(shell, repair),
    ]
    if shell.as_json:
        for check in checks:
            shell.emit({"check": check.name, "ok": check.ok, "detail": check.detail})
    else:
        shell.table(["check", "", "found"], [[c.name, "ok" if c.ok else "WRONG", c.detail] for c in checks])
        shown = shell.settings.shown().items()
        shell.table(["setting", "value"], [[name, _in_words(value)] for name, value in shown])
    if not all(check.ok for check in checks):
        raise SystemExit(1)


def _in_words(value: object) -> str:
    """Return a setting's value as its environment variable would hold it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except EarmarkError as error:
        return Check(name, False, str(error))


def _disk(folder: Path) -> str:
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < _LOW_DISK_BYTES:
        raise EarmarkError(f"{free / 1e6:.0f} MB free for {folder}: make room before enrolling")
    return f"{free / 1e9:.1f} GB free for {folder}"


def _decoder(shell: Shell) -> str:
    import io
    import wave

    from classifier.audio.decoder import Decoder
    from classifier.audio.limits import Limits

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(range(256)) * 125)
    with Decoder(shell.settings) as decoder:
        audio = decoder.decode(buffer.getvalue(), Limits.for_snippet(shell.settings))
        fences = decoder.fences
    kept = f"without files and network ({', '.join(fences)})" if "seccomp" in fences else _HALF_FENCED[bool(fences)]
    return f"a test file decodes to {audio.duration_s:.1f} s, {kept}"


def _self_test() -> str:
    """Find a noisy excerpt of synthesised sound in that sound, with the shipped background, cohort and null map."""
    import numpy as np

    from classifier.config import FeatureConfig
    from classifier.index.segment import Segment
    from classifier.index.snapshot import Snapshot
    from classifier.models.background import builtin_background
    from classifier.models.query import model_query
    from classifier.models.track import model_track
    from classifier.results import Track
    from classifier.search.pipeline import identify

    config, background = FeatureConfig(), builtin_background()
    rng = np.random.default_rng(5)
    rate, seconds = config.sample_rate, 30
    level = np.repeat(10 ** rng.uniform(-1.5, 0, seconds * 8), rate // 8)
    sound = (0.1 * rng.standard_normal(seconds * rate) * level).astype(np.float32)
    segment = Segment.build([("test", 1, model_track(sound, config, background))])
    heard = sound[10 * rate : 15 * rate] + 0.02 * rng.standard_normal(5 * rate).astype(np.float32)
    track = Track("test", "doctor", "test", None, None, None, "test", seconds, 26, "", "", "")
    snapshot = Snapshot((segment,), frozenset({("test", 1)}))
    tag = identify(model_query(heard, config, background), snapshot, lambda _: track, config)
    if tag.verdict != "identified" or abs((tag.matches[0].offset_s or 0) - 10) > 0.05:
        raise EarmarkError(f"the self-test gives {tag.verdict}: the installation is damaged; install it again")
    return f"self-test identified, log10 E {tag.matches[0].log10_e_value:.0f}"


def _store(shell: Shell, repair: bool) -> list[Check]:
    """Open the store, count what it holds, and look for damage."""
    from classifier.store import open_store

    try:
        store = open_store(shell.settings.store)
    except EarmarkError as error:
        return [Check("store", False, str(error))]
    try:
        store.ensure_schema()
        return [
            _check("store", lambda: _contents(store)),
            *_integrity(store, repair),
            *_index(Path(shell.settings.data_dir), store, repair),
        ]
    except EarmarkError as error:
        return [Check("store", False, str(error))]
    finally:
        store.close()


def _contents(store: Store) -> str:
    from classifier.records import catalogues, tracks

    counts = [f"{r.name}: {tracks.count_tracks(store, r.name)} tracks" for r in catalogues.list_catalogues(store)]
    return f"{store.url}; {', '.join(counts) or 'no catalogues yet'}"


def _integrity(store: Store, repair: bool) -> list[Check]:
    from classifier.records.doctor import examine, mend

    findings = examine(store)
    if repair and findings:
        mend(store, findings)
        findings = examine(store)
    hint = "" if repair else " (earmark doctor --repair)"
    wrong = [f for f in findings if f.severity != "info"]
    checks = [Check("integrity", f not in wrong, f.what + (hint if f.repairable else "")) for f in findings]
    if repair and store.faults():
        remedy = "nothing was repaired, because the store's own file is damaged: restore a copy of it"
        checks.append(Check("repair", False, remedy))
    return checks if wrong else [Check("integrity", True, "no damage found"), *checks]


def _index(data_dir: Path, store: Store, repair: bool) -> Iterator[Check]:
    """Compare this machine's index of each catalogue with its checksums."""
    from classifier.index.follower import index_folder
    from classifier.index.integrity import examine
    from classifier.index.manifest import Manifest
    from classifier.index.profile import EXACT
    from classifier.records.catalogues import list_catalogues

    for record in list_catalogues(store):
        manifest = Manifest(index_folder(data_dir, store, record.id), EXACT)
        damage = examine(manifest)
        for name, fault in damage.items():
            what = f"{record.name}: segment {name} is damaged: {fault}"
            if not repair:
                yield Check("index", False, f"{what} (earmark doctor --repair)")
                continue
            try:
                manifest.withdraw(name)
                yield Check("index", True, f"{what}; it is out of use, and the next search loads its tracks again")
            except OSError as error:
                yield Check("index", False, f"{what}, and cannot be taken out of use: {error.strerror}")
        if manifest.names() and not damage:
            yield Check("index", True, f"{record.name}: no damage found")
