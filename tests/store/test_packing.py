"""Packing: what goes in comes out, and nothing malformed passes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from classifier.errors import InvalidParameter, StoreCorrupt
from classifier.store.packing import ALIGNMENT, DTYPES, pack, unpack

names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
orders = st.sampled_from("<>")
arrays = st.one_of(
    [
        hnp.arrays(
            np.dtype(text) if order == "<" else np.dtype(text).newbyteorder(">"),
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
            elements={"allow_nan": False, "allow_infinity": False} if "f" in text else None,
        )
        for text in DTYPES
        for order in "<>"
    ]
)


@settings(deadline=None)
@given(st.dictionaries(names, arrays, max_size=5))
def test_round_trip(named: dict[str, np.ndarray]) -> None:
    data, layout = pack(named)
    back = unpack(data, layout)

    assert list(back) == list(named)
    for name, array in named.items():
        assert back[name].shape == array.shape
        assert back[name].dtype == array.dtype.newbyteorder("<")
        assert back[name].tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()
        assert not back[name].flags.writeable
        assert back[name].ctypes.data % min(ALIGNMENT, back[name].dtype.itemsize) == 0 or back[name].size == 0


@settings(deadline=None)
@given(st.dictionaries(names, arrays, min_size=1, max_size=3), st.data())
def test_any_change_of_length_is_noticed(named: dict[str, np.ndarray], draw: st.DataObject) -> None:
    data, layout = pack(named)
    shorter = data[: draw.draw(st.integers(0, len(data)))]
    for changed in (shorter, data + b"\0", data + b"\0" * ALIGNMENT):
        if len(changed) != len(data):
            with pytest.raises(StoreCorrupt):
                unpack(changed, layout)


def test_layout_reads_as_documented() -> None:
    data, layout = pack(
        {"weights": np.ones((2, 6), ">f4"), "total": np.float64(1), "none": np.zeros((0, 3), np.uint64)}
    )

    assert layout == ["weights <f4 2,6", "total <f8 -", "none <u8 0,3"]
    assert data == np.ones(12, "<f4").tobytes() + np.ones(1, "<f8").tobytes()


def test_nothing_at_all() -> None:
    assert pack({}) == (b"", [])
    assert unpack(b"", []) == {}


def test_not_contiguous() -> None:
    array = np.arange(24.0).reshape(4, 6)[::2, ::-3]
    data, layout = pack({"a": array})

    np.testing.assert_array_equal(unpack(data, layout)["a"], array)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["<f4", ">f8"])
def test_only_finite_numbers(bad: float, dtype: str) -> None:
    with pytest.raises(InvalidParameter, match="'means' holds NaN or infinity"):
        pack({"means": np.array([0.0, bad], dtype)})


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([object()]), np.array([1j]), np.zeros(1, "f2"), np.zeros(1, "M8[s]")]
)
def test_other_dtypes_are_refused(array: np.ndarray) -> None:
    with pytest.raises(InvalidParameter, match="convert it to one of"):
        pack({"a": array})


@pytest.mark.parametrize("name", ["", "a b", "1a", "a,b", "é", "x" * 65])
def test_names_are_identifiers(name: str) -> None:
    with pytest.raises(InvalidParameter, match="is not an identifier"):
        pack({name: np.zeros(1)})


@pytest.mark.parametrize(
    "layout",
    [
        ["a |O8 1"],
        ["a <f8"],
        ["a <f8 1 "],
        ["a <f8 -1"],
        ["a <f8 1,"],
        ["a <f8 "],
        ["a >f8 1"],
        ["a <f8 9999999999999999"],
        ["a <f8 0,999999999999999,999999999999999"],
        ["a <f8 1", "a <f8 0"],
        [3],
        ["a <f8 999999999999999"],
        ["a <f8 1,1,1,1,1,1,1,1,1"],
    ],
)
def test_malformed_layouts_are_refused(layout: list[str]) -> None:
    with pytest.raises(StoreCorrupt):
        unpack(bytes(8), layout)


def test_stray_bytes_between_arrays_are_refused() -> None:
    data, layout = pack({"a": np.zeros(1, np.uint8), "b": np.zeros(1)})

    with pytest.raises(StoreCorrupt, match="stray bytes before 'b <f8 1'"):
        unpack(data[:3] + b"\1" + data[4:], layout)


def test_bytes_that_are_no_booleans_are_refused() -> None:
    data, layout = pack({"silent": np.array([True, False])})

    np.testing.assert_array_equal(unpack(data, layout)["silent"], [True, False])
    with pytest.raises(StoreCorrupt, match="other than 0 and 1"):
        unpack(b"\2\0", layout)
