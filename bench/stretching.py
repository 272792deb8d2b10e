"""Time stretch and transposition, as a DJ's key lock does them: FFmpeg's ``atempo``.

``atempo`` joins overlapping pieces of the sound where their waveforms fit best (WSOLA; Verhelst & Roelands 1993), so
that the place wavers by some milliseconds around the tempo. It shares nothing with Earmark, which stretches no sound.
"""

from __future__ import annotations

from fractions import Fraction

import av
import av.error
import numpy as np

from bench.corpus import SAMPLE_RATE


def change_tempo(samples: np.ndarray, tempo: float) -> np.ndarray:
    """Play ``samples`` ``tempo`` times as fast (0.5 to 2) at their own pitch; float32, 1/tempo of the length."""
    if tempo == 1.0 or not len(samples):
        return np.array(samples, np.float32)
    time_base = Fraction(1, SAMPLE_RATE)
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=SAMPLE_RATE, format="flt", layout="mono", time_base=time_base)
    stretcher, sink = graph.add("atempo", f"{tempo:.6f}"), graph.add("abuffersink")
    source.link_to(stretcher)
    stretcher.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32)[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, time_base
    source.push(frame)
    source.push(None)
    pieces: list[np.ndarray] = []
    while True:
        try:
            heard = sink.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        assert isinstance(heard, av.AudioFrame)
        pieces.append(heard.to_ndarray()[0])
