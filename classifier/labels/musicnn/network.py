"""The network, pruned: from patches of log-mel to tags, penultimate layer and pools.

Conventions
-----------
- A patch is float32 (187, 96): frames of log-mel (:mod:`classifier.labels.musicnn.logmel`), time first.
- Tags are independent probabilities. Pools are over time: the mean, and the maximum.

Architecture (Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging", 2019):
a front end of timbral filters (7 frames by 38 or 67 mel bands, maximum over frequency) and temporal filters (128, 64 or
32 frames of one band, maximum over bands); three layers of 7 frames with residual connections; the pools of all four;
a dense layer of 200 and one of 50. Rectified after every layer but the last, then batch-normalised.

Nine filters in ten of the published front end have kernels that are zero: such a channel is a constant. The arrays here
are without them (:mod:`classifier.labels.musicnn.convert`); what constants contribute is in the biases, and, where a
layer's zero padding is seen at the edges, in one channel of ones.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

N_FRAMES, N_MELS = 187, 96
#: Frames and bands of the timbral filters; frames of the temporal ones.
TIMBRAL = ((7, 38), (7, 67))
TEMPORAL = (128, 64, 32)
N_TAGS, N_PENULTIMATE = 50, 200
_REACH = 3  # frames to either side in filters of seven


@dataclass(frozen=True, slots=True)
class Network:
    """The arrays of the pruned network, all float32; m timbral, n temporal filters, k of the first layer are alive.

    Parameters
    ----------
    input_scale, input_shift : shape (1,)
        Normalise the log-mel.
    timbral_0, timbral_1 : shape (7 x bands, m0), (7 x bands, m1)
        Frame-major kernels.
    temporal_0, temporal_1, temporal_2 : shape (128, n0), (64, n1), (32, n2)
        Kernels.
    front_bias, front_scale, front_shift : shape (m + n,)
        Before rectifying; after it (normalisation).
    first : shape (7 x (m + n + 1), k)
        Kernel of the first layer; the last input channel is of ones.
    first_bias, first_scale, first_shift : shape (k,)
        As in the front end.
    second : shape (7 x (k + 1), 64)
        Kernel of the second layer, with ones.
    second_bias, second_scale, second_shift : shape (64,)
        The shift includes the constants of the residual connection.
    residual : shape (k,), int64
        Channels of the second layer to which those of the first are added.
    third, third_bias, third_scale, third_shift : shape (7 x 64, 64), (64,), (64,), (64,)
        The third layer.
    dense_max, dense_mean, dense_bias : shape (c, 200), (c, 200), (200,)
        From pools of c = m + n + k + 128 channels.
    penultimate_scale, penultimate_shift : shape (200,)
        After rectifying.
    tags, tags_bias : shape (200, 50), (50,)
        To logits.
    """

    input_scale: np.ndarray
    input_shift: np.ndarray
    timbral_0: np.ndarray
    timbral_1: np.ndarray
    temporal_0: np.ndarray
    temporal_1: np.ndarray
    temporal_2: np.ndarray
    front_bias: np.ndarray
    front_scale: np.ndarray
    front_shift: np.ndarray
    first: np.ndarray
    first_bias: np.ndarray
    first_scale: np.ndarray
    first_shift: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    second_scale: np.ndarray
    second_shift: np.ndarray
    residual: np.ndarray
    third: np.ndarray
    third_bias: np.ndarray
    third_scale: np.ndarray
    third_shift: np.ndarray
    dense_max: np.ndarray
    dense_mean: np.ndarray
    dense_bias: np.ndarray
    penultimate_scale: np.ndarray
    penultimate_shift: np.ndarray
    tags: np.ndarray
    tags_bias: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network says of n patches, all float32.

    Parameters
    ----------
    tags : np.ndarray, shape (n, 50)
        Probabilities, in [0, 1].
    penultimate : np.ndarray, shape (n, 200)
        The last layer but one, normalised.
    mean_pool, max_pool : np.ndarray, shape (n, c)
        Of the channels that are alive: front end, then first, second and third layer.
    """

    tags: np.ndarray
    penultimate: np.ndarray
    mean_pool: np.ndarray
    max_pool: np.ndarray


def forward(network: Network, patches: np.ndarray) -> Answer:
    """Run the network.

    Parameters
    ----------
    network : Network
        Its arrays.
    patches : np.ndarray, shape (n, 187, 96), float32
        Log-mel.
    """
    # One patch at a time: what a patch needs stays in the processor's cache.
    temporal = _temporal_matrix(network)
    pools = [_pools(network, temporal, patch) for patch in patches]
    channels = len(network.dense_max)
    mean_pool = np.array([mean for mean, _ in pools], np.float32).reshape(len(pools), channels)
    max_pool = np.array([largest for _, largest in pools], np.float32).reshape(len(pools), channels)
    hidden = max_pool @ network.dense_max + mean_pool @ network.dense_mean + network.dense_bias
    penultimate = _rectified(hidden, network.penultimate_scale, network.penultimate_shift)
    logits = penultimate @ network.tags + network.tags_bias
    return Answer(sigmoid(logits), penultimate, mean_pool, max_pool)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))


def _pools(network: Network, temporal: np.ndarray, patch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and maximum over time of every channel."""
    normal = patch * network.input_scale + network.input_shift
    front = _front_end(network, temporal, normal)
    ones = np.ones((len(front), 1), np.float32)
    first = _layer(np.hstack([front, ones]), network.first, network.first_bias)
    first = _rectified(first, network.first_scale, network.first_shift)
    second = _layer(np.hstack([first, ones]), network.second, network.second_bias)
    second = _rectified(second, network.second_scale, network.second_shift)
    second[:, network.residual] += first
    third = _layer(second, network.third, network.third_bias)
    third = _rectified(third, network.third_scale, network.third_shift) + second
    channels = np.hstack([front, first, second, third])
    return channels.mean(axis=0), channels.max(axis=0)


def _front_end(network: Network, temporal: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return all filters of the front end over time: shape (187, m + n)."""
    scale = network.front_scale
    padded = np.pad(normal, ((_REACH, _REACH), (0, 0)))
    parts: list[np.ndarray] = []
    at = 0
    for kernel, (_, bands) in zip((network.timbral_0, network.timbral_1), TIMBRAL, strict=True):
        parts.append(_timbral(padded, kernel, bands, scale[at : at + kernel.shape[1]]))
        at += kernel.shape[1]
    parts.append(_loudest((temporal @ normal).reshape(N_FRAMES, -1, N_MELS), 2, scale[at:]))
    return _rectified(np.hstack(parts) + network.front_bias, scale, network.front_shift)


def _temporal_matrix(network: Network) -> np.ndarray:
    """Return all temporal filters as one matrix that works on a whole patch: shape (187 x n, 187), frame-major.

    It has six times the numbers of the filters, and is faster all the same: a product of large matrices.
    """
    kernels = (network.temporal_0, network.temporal_1, network.temporal_2)
    shifted = np.zeros((2 * N_FRAMES - 1, sum(kernel.shape[1] for kernel in kernels)), np.float32)
    at = 0
    for kernel, length in zip(kernels, TEMPORAL, strict=True):
        start = N_FRAMES - length // 2  # "same" padding of an even filter: one frame more after than before
        shifted[start : start + length, at : at + kernel.shape[1]] = kernel
        at += kernel.shape[1]
    return sliding_window_view(shifted, N_FRAMES, axis=0)[::-1].reshape(-1, N_FRAMES)


def _timbral(padded: np.ndarray, kernel: np.ndarray, bands: int, scale: np.ndarray) -> np.ndarray:
    """Return one size of timbral filters over time, the loudest place in frequency taken."""
    frames, taps = len(padded) - 2 * _REACH, kernel.reshape(2 * _REACH + 1, bands, -1)
    # Windows in frequency only: windows in both directions take longer to copy than the sums over the filter's frames.
    # Filters come first, so that one product of large matrices does all of them, and what is added lies in one piece.
    windows = sliding_window_view(padded, bands, axis=1)
    places = windows.shape[1]
    each = taps.transpose(0, 2, 1).reshape(-1, bands) @ windows.reshape(-1, bands).T
    each = each.reshape(len(taps), taps.shape[2], -1)
    out = each[0, :, : frames * places]
    for tap in range(1, len(taps)):
        out += each[tap, :, tap * places : (tap + frames) * places]
    return _loudest(out.reshape(len(out), frames, places).transpose(1, 0, 2), 2, scale)


def _loudest(out: np.ndarray, axis: int, scale: np.ndarray) -> np.ndarray:
    """Return the maximum over an axis of what is normalised later: where the scale is negative, the minimum now.

    Rectifying and normalising keep the order, or turn it, so they are done once after the maximum.
    """
    largest = out.max(axis=axis)
    turned = scale < 0
    if turned.any():
        largest[:, turned] = np.compress(turned, out, axis=3 - axis).min(axis=axis)
    return largest


def _layer(channels: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return a convolution over seven frames, zeros beyond the edges."""
    padded = np.pad(channels, ((_REACH, _REACH), (0, 0)))
    width = channels.shape[1]
    windows = np.lib.stride_tricks.as_strided(
        padded, (len(channels), (2 * _REACH + 1) * width), padded.strides, writeable=False
    )
    return windows @ kernel + bias


def _rectified(x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return max(x, 0) · scale + shift."""
    return np.maximum(x, 0) * scale + shift
