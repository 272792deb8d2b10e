"""A microphone as a stream of samples, through PortAudio (the optional package ``sounddevice``)."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from classifier.audio.resample import Resampler
from classifier.errors import Unavailable
from classifier.extras import needing

#: Seconds of a block, and how many seconds may wait for whoever listens before sound is left out.
_BLOCK_S, _WAITING_S = 0.25, 60.0
#: Seconds without a block after which the device is taken to be gone.
_GONE_S = 10.0


def from_microphone(
    sample_rate: int, *, device: str | None = None, note: Callable[[str], None]
) -> Iterator[np.ndarray]:
    """Yield what a microphone hears, until the caller stops.

    Parameters
    ----------
    sample_rate : int
        Wanted, Hz; the device records at its own rate.
    device : str, optional
        Number or part of the name of the device; default the system's.
    note : callable
        Takes what is worth telling a person, such as that the machine is too slow.

    Yields
    ------
    np.ndarray, shape (n,), float32
        Mono, full scale +-1.

    Raises
    ------
    InvalidConfig
        If the package is missing.
    Unavailable
        If PortAudio or the device is missing, or the device goes away.
    """
    sounddevice = _library()
    wanted: int | str | None = int(device) if device is not None and device.isdecimal() else device
    blocks: queue.Queue[np.ndarray] = queue.Queue(round(_WAITING_S / _BLOCK_S))
    lost = 0

    def take(samples: np.ndarray, _frames: int, _time: Any, status: Any) -> None:
        # Runs in PortAudio's own thread, which must never wait.
        nonlocal lost
        try:
            blocks.put_nowait(samples.mean(axis=1, dtype=np.float32))
        except queue.Full:
            lost += 1
        else:
            lost += bool(getattr(status, "input_overflow", False))

    try:
        facts = sounddevice.query_devices(wanted, "input")
        rate = round(facts["default_samplerate"])
        channels = min(2, int(facts["max_input_channels"]))
        stream = sounddevice.InputStream(
            device=wanted, samplerate=rate, channels=channels, dtype="float32", blocksize=round(_BLOCK_S * rate),
            callback=take,
        )  # fmt: skip
    except (ValueError, sounddevice.PortAudioError) as error:
        raise Unavailable(f"no microphone can be opened ({error}): see `python -m sounddevice`") from None
    resampler, told = Resampler(rate, sample_rate), 0
    with stream:
        while True:
            try:
                samples = resampler.push(blocks.get(timeout=_GONE_S))
            except queue.Empty:
                raise Unavailable(
                    f"the microphone has given nothing for {_GONE_S:g} s: check that it is still connected"
                ) from None
            if lost > told:
                told = lost
                note("some sound was left out: the machine does not keep up")
            if len(samples):
                yield samples


def _library() -> Any:
    try:
        with needing("microphone", "listening at a microphone"):
            import sounddevice
    except OSError:
        raise Unavailable(
            "listening at a microphone needs PortAudio, which this system lacks: install libportaudio2"
        ) from None
    return sounddevice
