"""Damage files at random and see what the decoder makes of them::

    python -m tests.tools.fuzz_decoder --files 50000 --seed 1

Each file is decoded by the real decoder, in its fenced process, as a snippet. Faults are

* ``crash``: the process died of the file, or answered nonsense;
* ``hang``: it overran its time (more memory than allowed is a refusal: the fence held);
* ``silent loss``: less was decoded than the file held, without an error or a remark.

A container that does not say how long it is cannot know what a cut took away; there, a loss counts if it is larger than
what was touched. A header that was damaged may promise anything; there, none counts. File number i is the same for the
same seed: ``--first i --files 1`` repeats it, and ``--keep FOLDER`` writes down the faulty ones.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.errors import DecodeLimit, EarmarkError
from classifier.settings import Settings
from tests import data_audio
from tests.data_audio import FORMATS, encode

KINDS = (
    "wav", "wav24", "aiff", "caf", "w64", "au", "flac", "alac", "wv", "tta", "mka", "mp3", "mp2", "ogg", "opus", "m4a",
    "adts", "fragmented", "webm", "live", "wma", "ac3", "eac3", "dts", "flv", "ts", "mpg", "avi", "mov", "latm",
    "truehd",
)  # fmt: skip
#: Those that promise a length, in a header within this many bytes; MP4s have theirs at the end as well.
PROMISING = frozenset(
    ("wav", "wav24", "aiff", "caf", "w64", "au", "flac", "alac", "wv", "tta", "mka", "mp3", "m4a", "fragmented", "webm",
     "wma", "flv", "avi", "mov", "ogg", "opus")
)  # fmt: skip
HEADER = 2048
SECONDS = 3.0
#: What may be missing without a word: the decoder's own tolerance, and a codec's padding. Without a promise,
#: a page, a frame or a packet beside what was touched goes as well.
TOLERANCE_S, OPEN_TOLERANCE_S = 0.75, 1.3
_LIMITS = Limits.for_snippet(Settings())


@dataclass(frozen=True, slots=True)
class Damaged:
    """A damaged file: its kind, what was done to it, the first byte and the number of bytes touched, its content."""

    kind: str
    what: str
    place: int
    touched: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """What the decoder got wrong about a file."""

    number: int
    sort: str
    damaged: Damaged
    detail: str


@cache
def whole(kind: str) -> bytes:
    """Return an undamaged file of three seconds: noise whose loudness changes, so that no two frames are alike."""
    rate, channels = FORMATS[kind].rate, FORMATS[kind].channels
    samples = data_audio.noise(SECONDS, rate, channels, level=0.2, seed=17)
    time = np.arange(len(samples))[:, None] / rate
    return encode(np.round(samples * (0.55 + 0.45 * np.sin(9 * time))).astype(np.int16), kind)


def _flip(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    for _ in range(int(random.integers(1, 20))):
        data[place + int(random.integers(size))] ^= 1 << int(random.integers(8))


def _noise(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    data[place : place + size] = random.bytes(size)


def _zero(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    data[place : place + size] = bytes(size)


def _delete(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    del data[place : place + size]


def _insert(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    data[place:place] = random.bytes(size)


def _duplicate(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    data[place:place] = data[place : place + size]


def _cut(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    del data[place:]


def _behead(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    del data[:size]


def _splice(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    other = whole(KINDS[int(random.integers(len(KINDS)))])
    start = int(random.integers(len(other)))
    data[place : place + size] = other[start : start + size]


def _swap(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    middle, end = place + size // 2, place + size // 2 * 2
    data[place:end] = data[middle:end] + data[place:middle]


def _append(data: bytearray, place: int, size: int, random: np.random.Generator) -> None:
    data += whole(KINDS[int(random.integers(len(KINDS)))])[:size]


DAMAGES: dict[str, Callable[[bytearray, int, int, np.random.Generator], None]] = {
    "flip": _flip, "noise": _noise, "zero": _zero, "delete": _delete, "insert": _insert, "duplicate": _duplicate,
    "cut": _cut, "behead": _behead, "splice": _splice, "swap": _swap, "append": _append,
}  # fmt: skip


def damaged(number: int, seed: int, kinds: Sequence[str] = KINDS) -> Damaged:
    """Return damaged file ``number``; half of the time the damage is in the header, where parsers trip."""
    random = np.random.default_rng([seed, number])
    kind = kinds[number % len(kinds)]
    data = bytearray(whole(kind))
    n = len(data)
    place = int(random.integers(min(n, HEADER) if random.random() < 0.5 else n))
    size = min(max(1, n - place), int(2.0 ** random.uniform(0, np.log2(n / 2))))
    what = list(DAMAGES)[int(random.integers(len(DAMAGES)))]
    touched = {"cut": n - place, "insert": 0, "duplicate": 0, "append": 0}.get(what, size)
    start = {"behead": 0, "append": n}.get(what, place)
    DAMAGES[what](data, place, size, random)
    return Damaged(kind, what, start, touched, bytes(data))


def judge(number: int, file: Damaged, decoder: Decoder) -> tuple[str, Fault | None]:
    """Decode a file; return the outcome in a word, and the fault if it is one."""
    try:
        audio = decoder.decode(file.data, _LIMITS)
    except DecodeLimit as error:
        text = str(error)
        if "bytes of memory" in text:
            return "beyond the memory", None
        sort = "hang" if "longer" in text or "too long" in text or "processor" in text else "crash"
        return sort, Fault(number, sort, file, text)
    except EarmarkError as error:
        return error.name, None
    if not np.isfinite(audio.samples).all():
        return "crash", Fault(number, "crash", file, "samples that are not finite")
    if audio.remarks:
        return "remarked", None
    size = len(whole(file.kind))
    lost_s = SECONDS - audio.duration_s
    in_header = file.place < HEADER or (
        file.kind in ("m4a", "alac", "mov") and file.place + file.touched > size - HEADER
    )
    allowed_s = TOLERANCE_S if file.kind in PROMISING else OPEN_TOLERANCE_S + SECONDS * file.touched / size
    if not in_header and lost_s > allowed_s:
        return "silent loss", Fault(number, "silent loss", file, f"{lost_s:.2f} s of {SECONDS:g} s are missing")
    return "decoded", None


def fuzz(numbers: range, seed: int, kinds: Sequence[str] = KINDS) -> Iterator[tuple[str, Fault | None]]:
    """Yield outcome and fault of each damaged file."""
    with Decoder(Settings()) as decoder:
        for number in numbers:
            yield judge(number, damaged(number, seed, kinds), decoder)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.fuzz_decoder", description=__doc__.split("::")[0])
    parser.add_argument("--files", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for files with faults")
    arguments = parser.parse_args()
    outcomes: Counter[str] = Counter()
    n_faults = 0
    numbers = range(arguments.first, arguments.first + arguments.files)
    for number, (outcome, fault) in zip(numbers, fuzz(numbers, arguments.seed), strict=True):
        outcomes[outcome] += 1
        if (number + 1) % 1000 == 0:
            print(f"{number + 1 - arguments.first} of {arguments.files}, {n_faults} faults", file=sys.stderr)
        if fault is not None:
            n_faults += 1
            file = fault.damaged
            where = f"{file.kind}, {file.what}, {file.touched} bytes at {file.place}"
            print(f"{fault.number}: {fault.sort}: {where}: {fault.detail}")
            if arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                (arguments.keep / f"{arguments.seed}-{fault.number}.{file.kind}").write_bytes(file.data)
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()))
    return 1 if n_faults else 0


if __name__ == "__main__":
    sys.exit(main())
