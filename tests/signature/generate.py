"""Write what the JavaScript module shares with the Python original, or check that it is current::

    python -m tests.signature.generate            # web/signature/src/shipped.ts and web/signature/golden
    python -m tests.signature.generate --check    # exit with 1 and name the files that are not current

``shipped.ts`` holds the parameters of features, the background and the reliability network, from the files that ship
with Earmark. ``golden`` holds synthesised recordings and the signatures that Python gives them.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifier.audio import level
from classifier.audio.resample import at_rate
from classifier.config import FeatureConfig
from classifier.demo.phone import record
from classifier.demo.songs import compose
from classifier.fingerprint import reliability
from classifier.models import signature
from classifier.models.background import builtin_background
from classifier.models.query import Recording
from tests.library import as_wav

FOLDER = Path(__file__).parents[2] / "web" / "signature"
#: Bandwidth that the service assumes of a recording, as a share of its rate.
BANDWIDTH = 0.46


@dataclass(frozen=True)
class Golden:
    """A recording of 16 bits and what it is good for."""

    name: str
    pcm: np.ndarray  # int16
    rate: int

    @property
    def samples(self) -> np.ndarray:
        """As a decoder gives them, full scale 1."""
        return self.pcm.astype(np.float32) / 32768


def recordings() -> Iterator[Golden]:
    """Five seconds in a noisy room; another rate; a narrow and very quiet one; one that falls silent."""
    song = compose(41, duration_s=14.0)

    def heard(start_s: float, length_s: float, rate: int, gain: float = 1.0, **options: object) -> np.ndarray:
        samples = record(song.samples, song.sample_rate, start_s, length_s, seed=5, **options)
        samples = at_rate(samples, song.sample_rate, rate)
        return np.round(np.clip(gain * samples, -1, 1) * 32767).astype(np.int16)

    yield Golden("room", heard(2.0, 5.0, 16000, snr_db=5.0), 16000)
    yield Golden("cd", heard(7.0, 1.7, 44100, snr_db=20.0), 44100)
    yield Golden("quiet", heard(4.0, 3.0, 8000, 0.004, snr_db=12.0), 8000)
    falling = heard(9.0, 2.5, 16000, snr_db=10.0)
    falling[20000:] = 0
    yield Golden("falling-silent", falling, 16000)


def signed(golden: Golden) -> bytes:
    """Return the signature of a recording: resampled, levelled and modelled as the service does."""
    config, background = FeatureConfig(), builtin_background()
    samples = at_rate(golden.samples, golden.rate, config.sample_rate)
    samples = level.levelled(samples, level.loudest(samples, config.sample_rate))
    query = Recording(samples, BANDWIDTH * golden.rate, config, background).query()
    return signature.encode(query, config, background)


def shipped() -> str:
    """Return the parameters as a TypeScript module."""
    config, background = FeatureConfig(), builtin_background()
    if config.em_max_iterations != 1 or config.covariance_type != "full":
        raise SystemExit("the module takes one EM step with full covariances: teach it what the configuration asks for")
    arrays = {f"background.{name}": array for name, array in background.to_arrays().items() if name != "slot_variance"}
    arrays |= {f"network.{name}": array for name, array in reliability.network().items()}
    data = b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in arrays.values())
    values = {
        "features": signature.features_id(config, background).hex(),
        "network": reliability.VERSION,
        "config": {name: value for name, value in config.to_dict().items() if not isinstance(value, str)},
        "lengths": {name: int(np.size(array)) for name, array in arrays.items()},
        "data": base64.b64encode(data).decode(),
    }
    return (
        "// Written by python -m tests.signature.generate: what ships with Earmark, for this module.\n"
        f"export const SHIPPED = {json.dumps(values, indent=2)};\n"
    )


def files() -> Iterator[tuple[Path, bytes]]:
    """Every file that is written, with its content."""
    yield FOLDER / "src" / "shipped.ts", shipped().encode()
    for golden in recordings():
        yield FOLDER / "golden" / f"{golden.name}.wav", as_wav(golden.pcm / 32767, golden.rate)
        yield FOLDER / "golden" / f"{golden.name}.sig", signed(golden)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = [(path, content) for path, content in files() if not path.exists() or path.read_bytes() != content]
    for path, content in stale:
        print(f"{'not current' if check else 'written'}: {path.relative_to(FOLDER)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    sys.exit(bool(check and stale))


if __name__ == "__main__":
    main()
