"""From the published checkpoint to the arrays of :class:`~classifier.labels.musicnn.network.Network`.

A filter whose kernel is nowhere above 10^-6 has the same output whatever is heard: its rectified bias, normalised. Such
channels are taken out. What they contribute to a later layer is a sum that depends only on which of the layer's seven
taps fall into the patch, so one channel of ones carries it for all of them; in the pools their mean and maximum are
that constant, which goes into the bias of the dense layer. Batch normalisation becomes a scale and a shift.
"""

from __future__ import annotations

import numpy as np

from classifier.errors import InvalidModel
from classifier.labels.musicnn.checkpoint import read_bundle
from classifier.labels.musicnn.network import Network

#: Kernels nowhere above this are zero: those that are not reach 10^-3 and more.
DEAD = 1e-6
_EPSILON = 1e-3  # of batch normalisation in TensorFlow's layers

_WIDTHS = (204, 204, 51, 51, 51)
_FRONT = sum(_WIDTHS)
_KERNELS = ((7, 38, 1, 204), (7, 67, 1, 204), (128, 1, 1, 51), (64, 1, 1, 51), (32, 1, 1, 51))
_LAYERS = ((7, _FRONT, 1, 64), (7, 64, 1, 64), (7, 64, 1, 64))
_POOLED = _FRONT + 3 * 64


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the tensors of the checkpoint that the network consists of, with their shapes."""
    found: dict[str, tuple[int, ...]] = {}
    for number, shape in enumerate((*_KERNELS, *_LAYERS)):
        found[_numbered("conv2d", number) + "/kernel"] = shape
        found[_numbered("conv2d", number) + "/bias"] = shape[-1:]
    for number, width in enumerate((1, *_WIDTHS, 64, 64, 64, 2 * _POOLED, 200)):
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            found[f"{_numbered('batch_normalization', number)}/{part}"] = (width,)
    found |= {"dense/kernel": (2 * _POOLED, 200), "dense/bias": (200,)}
    return found | {"dense_1/kernel": (200, 50), "dense_1/bias": (50,)}


def read_tensors(index: bytes, data: bytes) -> dict[str, np.ndarray]:
    """Return the tensors of :func:`shapes` from a checkpoint, as float64.

    Raises
    ------
    InvalidModel
        If the checkpoint is damaged or of another network.
    """
    expected = shapes()
    tensors = read_bundle(index, data, list(expected))
    for name, shape in expected.items():
        if tensors[name].shape != shape:
            raise InvalidModel(f"tensor {name!r} has the shape {tensors[name].shape}: MSD_musicnn's is {shape}")
        if name.endswith("moving_variance") and (tensors[name] < 0).any():
            raise InvalidModel(f"tensor {name!r} holds variances below 0")
    return {name: tensor.astype(np.float64) for name, tensor in tensors.items()}


def normalisation(tensors: dict[str, np.ndarray], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift of a batch normalisation: gamma / sqrt(variance + epsilon), beta - mean · scale."""
    name = _numbered("batch_normalization", number)
    scale = tensors[f"{name}/gamma"] / np.sqrt(tensors[f"{name}/moving_variance"] + _EPSILON)
    return scale, tensors[f"{name}/beta"] - tensors[f"{name}/moving_mean"] * scale


def convert(tensors: dict[str, np.ndarray]) -> Network:
    """Prune and fold the network; exact up to rounding, and to what kernels below :data:`DEAD` could do.

    Parameters
    ----------
    tensors : dict of str to np.ndarray
        From :func:`read_tensors`.
    """
    kernels = [tensors[_numbered("conv2d", number) + "/kernel"][:, :, 0] for number in range(8)]
    biases = [tensors[_numbered("conv2d", number) + "/bias"] for number in range(8)]
    scales, shifts = zip(*(normalisation(tensors, number) for number in range(11)), strict=True)

    alive = [np.abs(kernel).max(axis=(0, 1)) > DEAD for kernel in kernels[:5]]
    front_alive = np.concatenate(alive)
    front_bias, front_scale, front_shift = map(np.concatenate, (biases[:5], scales[1:6], shifts[1:6]))
    front_constant = np.maximum(front_bias, 0) * front_scale + front_shift

    first, first_alive = kernels[5], np.abs(kernels[5]).max(axis=(0, 1)) > DEAD
    first_constant = np.maximum(biases[5], 0) * scales[6] + shifts[6]
    # The residual connection adds the first layer to the second, constants included.
    second_shift = shifts[7] + np.where(first_alive, 0, first_constant)

    # The pools as the dense layer sees them: maximum and mean of a channel lie side by side.
    pool_scale, pool_shift = scales[9].reshape(-1, 2), shifts[9].reshape(-1, 2)
    dense = tensors["dense/kernel"].reshape(-1, 2, 200)
    weighted = dense * pool_scale[:, :, None]
    pooled_alive = np.concatenate([front_alive, first_alive, np.ones(128, bool)])
    constant = np.concatenate([front_constant, first_constant])[~pooled_alive[: _FRONT + 64]]
    dense_bias = tensors["dense/bias"] + np.einsum("cp,cpo->o", pool_shift, dense)
    dense_bias += np.einsum("c,cpo->o", constant, weighted[~pooled_alive])

    arrays = {
        "input_scale": scales[0],
        "input_shift": shifts[0],
        **{f"timbral_{i}": _flat(kernels[i][:, :, alive[i]]) for i in range(2)},
        **{f"temporal_{i}": _flat(kernels[2 + i][:, :, alive[2 + i]]) for i in range(3)},
        "front_bias": front_bias[front_alive],
        "front_scale": front_scale[front_alive],
        "front_shift": front_shift[front_alive],
        "first": _flat(_with_ones(first[:, :, first_alive], front_alive, front_constant)),
        "first_bias": biases[5][first_alive],
        "first_scale": scales[6][first_alive],
        "first_shift": shifts[6][first_alive],
        "second": _flat(_with_ones(kernels[6], first_alive, first_constant)),
        "second_bias": biases[6],
        "second_scale": scales[7],
        "second_shift": second_shift,
        "third": _flat(kernels[7]),
        "third_bias": biases[7],
        "third_scale": scales[8],
        "third_shift": shifts[8],
        "dense_max": weighted[pooled_alive, 0],
        "dense_mean": weighted[pooled_alive, 1],
        "dense_bias": dense_bias,
        "penultimate_scale": scales[10],
        "penultimate_shift": shifts[10],
        "tags": tensors["dense_1/kernel"],
        "tags_bias": tensors["dense_1/bias"],
    }
    small = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    return Network(**small, residual=np.flatnonzero(first_alive))


def _flat(kernel: np.ndarray) -> np.ndarray:
    """Return a kernel (frames, bands or channels, out) as a matrix, frame-major."""
    return kernel.reshape(-1, kernel.shape[-1])


def _with_ones(kernel: np.ndarray, alive: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """Return a kernel (taps, in, out) of the channels that are alive, and of ones in place of the others."""
    ones = np.einsum("tco,c->to", kernel[:, ~alive], constant[~alive])
    return np.concatenate([kernel[:, alive], ones[:, None]], axis=1)
