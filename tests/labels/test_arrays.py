"""Arrays in files: what was written is read, and what is hostile is refused before it takes memory."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from classifier.errors import InvalidModel
from classifier.labels.arrays import read_arrays, write_arrays

MOST = 1_000_000
ARRAYS = st.one_of(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, min_side=0), elements=st.floats(-1, 1, width=32)),
    hnp.arrays(np.int64, hnp.array_shapes(max_dims=2)),
    hnp.arrays("<U5", hnp.array_shapes(max_dims=1)),
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), ARRAYS, max_size=5))
def test_what_was_written_is_read_and_the_same_arrays_are_the_same_bytes(arrays):
    content = write_arrays(arrays)
    assert content == write_arrays(arrays)
    found = read_arrays(content, MOST)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)


def test_numpys_own_files_are_read_in_either_order(rng):
    array = np.asfortranarray(rng.standard_normal((3, 4)))
    buffer = io.BytesIO()
    np.savez(buffer, a=array)
    np.testing.assert_array_equal(read_arrays(buffer.getvalue(), MOST)["a"], array)


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def npy(array: np.ndarray, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


class Trap:
    """Says so if it is ever unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


GOOD = npy(np.arange(4.0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"PK\x03\x04 and so on", "cannot be read"),
        (archive(**{"a.npy": npy(np.array([Trap()], object), allow_pickle=True)}), "only numbers, bools and text"),
        (archive(**{"a.npy": npy(np.zeros(3_000_000))}), "at most 1,000,000"),
        (archive(**{"../a.npy": GOOD}), "unique identifiers"),
        (archive(**{"a.pkl": GOOD}), "unique identifiers"),
        (archive(**{"a.npy": GOOD + b"!"}), "does not fit"),
        (archive(**{"a.npy": GOOD[:-1]}), "does not fit"),
        (archive(**{"a.npy": GOOD[:20]}), "header that cannot be read"),
        (archive(**{"a.npy": GOOD.replace(b"(4,)", b"(9,)")}), "does not fit"),
        (archive(**{"a.npy": GOOD.replace(b"(4,)", b"(-4)")}), "header that cannot be read|does not fit"),
        (archive(**{"a.npy": GOOD.replace(b"'<f8'", b"'|V8'")}), "only numbers"),
        (archive(**{"a.npy": npy(np.array([np.inf]))}), "not finite"),
        (archive(**{"a.npy": npy(np.zeros(4, "<M8[s]"))}), "only numbers"),
    ],
)
def test_hostile_files_are_refused(content, message):
    with pytest.raises(InvalidModel, match=message):
        read_arrays(content, MOST)


def test_an_archive_that_lies_about_its_sizes_is_refused():
    """A member that says it is small and unpacks to much more."""
    content = bytearray(archive(**{"a.npy": npy(np.zeros(100_000))}))
    size = len(npy(np.zeros(100_000))).to_bytes(4, "little")
    at = content.rindex(size)
    content[at : at + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(InvalidModel):
        read_arrays(bytes(content), 10_000)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.npy", GOOD)
        file.writestr("a.npy", GOOD)
    with pytest.raises(InvalidModel, match="unique"):
        read_arrays(buffer.getvalue(), MOST)


def test_no_changed_byte_is_a_crash():
    content = write_arrays({"a": np.arange(4.0), "b": np.array("text")})
    for i in range(len(content)):
        for bit in (1, 16, 128):
            spoiled = bytearray(content)
            spoiled[i] ^= bit
            try:
                read_arrays(bytes(spoiled), MOST)
            except InvalidModel:
                continue
