"""Files of phones that FFmpeg reads and does not write: HE-AAC, and AMR-WB where its encoder is installed.

HE-AAC is AAC of half the sampling rate, and a description of the upper half of the spectrum (spectral band
replication) from which the decoder makes it up. No free encoder writes that description. What is made here is the rest:
the AAC, announced as HE-AAC (ISO/IEC 14496-3, 1.6.2: an AudioSpecificConfig with a sync extension), which decoders play
at the full rate with nothing in the upper half.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.data_audio import encode

_AMR_WB_LIBRARY = ctypes.util.find_library("vo-amrwbenc")
_AMR_WB_FRAME, _AMR_WB_MODE = 320, 8  # 20 ms at 16 kHz; 23.85 kbit/s


@dataclass(frozen=True, slots=True)
class Rare:
    """One kind of file: what it says it is, rate in Hz, channels, and what makes it of int16, shape (n, channels)."""

    container: str
    codec: str
    rate: int
    channels: int
    make: Callable[[np.ndarray], bytes]


def _config(rate_index: int, channels: int, sbr: int, full_index: int) -> bytes:
    """Return the AudioSpecificConfig of AAC-LC, 5 bytes, that says whether there is spectral band replication."""
    bits = f"{2:05b}{rate_index:04b}{channels:04b}000{0x2B7:011b}{5:05b}{sbr}"
    bits += f"{full_index:04b}" if sbr else ""
    return int(bits.ljust(40, "0"), 2).to_bytes(5, "big")


def he_aac(samples: np.ndarray) -> bytes:
    """Return an M4A of samples at 22.05 kHz, announced as HE-AAC of 44.1 kHz."""
    file = encode(samples, "m4a", rate=22050)
    plain, announced = _config(7, samples.shape[1], 0, 4), _config(7, samples.shape[1], 1, 4)
    assert file.count(plain) == 1, "FFmpeg writes another AudioSpecificConfig now"
    return file.replace(plain, announced)


def amr_wb(samples: np.ndarray) -> bytes:
    """Return a file of samples at 16 kHz, by VisualOn's encoder."""
    library = ctypes.CDLL(_AMR_WB_LIBRARY)
    library.E_IF_init.restype = ctypes.c_void_p
    library.E_IF_encode.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
    library.E_IF_exit.argtypes = (ctypes.c_void_p,)
    state, out = library.E_IF_init(), ctypes.create_string_buffer(500)
    file = b"#!AMR-WB\n"
    for start in range(0, len(samples) - _AMR_WB_FRAME + 1, _AMR_WB_FRAME):
        frame = np.ascontiguousarray(samples[start : start + _AMR_WB_FRAME, 0], np.int16)
        size = library.E_IF_encode(state, _AMR_WB_MODE, frame.ctypes.data, out, 0)
        file += out.raw[:size]
    library.E_IF_exit(state)
    return file


HE_AAC = Rare("ipod", "HE-AAC", 22050, 2, he_aac)
AMR_WB = Rare("amr", "AMR-WB", 16000, 1, amr_wb)
#: Kinds that can be made here.
RARE: dict[str, Rare] = {"he-aac": HE_AAC, **({"amr-wb": AMR_WB} if _AMR_WB_LIBRARY else {})}
