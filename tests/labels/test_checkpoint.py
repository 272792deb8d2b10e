"""The checkpoint reader: what was written is read, and nothing that was spoiled is believed."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from classifier.errors import InvalidModel
from classifier.labels.musicnn.checkpoint import crc32c, masked, read_bundle
from tests.labels import bundles

NAMES = st.text("abcdefgh/_0123456789", min_size=1, max_size=30)
ARRAYS = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4), elements=st.floats(-9, 9, width=32)
)


@pytest.mark.parametrize(
    ("text", "crc"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
)
def test_checksums_of_the_standard(text, crc):
    assert crc32c(text) == crc  # RFC 3720, B.4


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=25))
def test_what_was_written_is_read(tensors):
    index, data = bundles.bundle(tensors)
    found = read_bundle(index, data, list(tensors))
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], tensor)


TENSORS = {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "a/bias": np.ones(3, np.float32)}
INDEX, DATA = bundles.bundle(TENSORS)


def outcome(index: bytes, data: bytes) -> dict[str, np.ndarray] | None:
    """What is read; None if it is refused as it should be."""
    try:
        return read_bundle(index, data, list(TENSORS))
    except InvalidModel:
        return None


def test_a_file_that_is_cut_off_is_refused():
    for size in range(len(INDEX)):
        assert outcome(INDEX[:size], DATA) is None
    for size in range(len(DATA)):
        assert outcome(INDEX, DATA[:size]) is None


def test_no_changed_byte_changes_a_number():
    for i in range(len(INDEX)):
        for bit in (1, 128):
            spoiled = bytearray(INDEX)
            spoiled[i] ^= bit
            found = outcome(bytes(spoiled), DATA)
            assert found is None or all(np.array_equal(found[name], TENSORS[name]) for name in TENSORS)
    for i in range(len(DATA)):
        assert outcome(INDEX, DATA[:i] + bytes([DATA[i] ^ 1]) + DATA[i + 1 :]) is None


@given(st.binary(max_size=300))
def test_noise_is_refused(noise):
    assert outcome(noise, DATA) is None
    assert outcome(noise + INDEX[-48:], DATA) is None


@given(st.binary(max_size=80))
def test_noise_where_a_tensor_is_described_is_refused(noise):
    """Behind valid checksums: whoever writes the file can compute those too."""
    assert outcome(bundles.table({b"": bundles.field(1, 1), b"a/bias": noise, b"a/kernel": noise}), DATA) is None


RAW = np.ones(3, "<f4").tobytes()
CRC = masked(crc32c(RAW))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (bundles.entry((3,), 0, 12, CRC ^ 1), "does not match its checksum"),
        (bundles.entry((4,), 0, 12, CRC), "has 12 bytes for the shape"),
        (bundles.entry((3,), 4, 12, CRC), "ends at byte 16 of 12"),
        (bundles.entry((3,), 2**63, 12, CRC), "ends at byte"),
        (bundles.entry((2**30, 2**30, 2**30), 0, 12, CRC), "for the shape"),
        (bundles.entry((2**40,), 0, 12, CRC), "shape that cannot be read"),
        (bundles.entry((3,), 0, 12, CRC, kind=2), "not a whole array of float32"),
        (bundles.entry((3,), 0, 12, CRC) + bundles.field(3, 1), "only data file"),
        (bundles.entry((3,), 0, 12, CRC) + bundles.field(7, b""), "not a whole array"),
        (bundles.field(1, 1) + bundles.field(2, 5), "cannot be read|unknown kind|no end|longer"),
        (bundles.entry((1,) * 9, 0, 4, CRC), "cannot be read"),
        (b"\xff" * 11, "no end"),
        (bundles.field(1, 1) + b"\x12\x7f", "longer than its message"),
        (b"\x0b", "unknown kind 3"),
    ],
)
def test_a_hostile_description_is_refused_by_name(value, message):
    index = bundles.table({b"": bundles.field(1, 1), b"t": value})
    with pytest.raises(InvalidModel, match=message):
        read_bundle(index, RAW, ["t"])


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(InvalidModel, match="not finite"):
        read_bundle(*bundles.bundle({"t": np.array([np.nan], np.float32)}), ["t"])


def test_a_missing_tensor_and_other_bundles_are_refused():
    with pytest.raises(InvalidModel, match="no tensor 'b'"):
        read_bundle(INDEX, DATA, ["b"])
    for header in (bundles.field(1, 2), bundles.field(1, 1) + bundles.field(2, 1), b""):
        with pytest.raises(InvalidModel, match="one little-endian data file"):
            read_bundle(bundles.table({b"": header}), b"", [])


def test_a_compressed_or_misplaced_block_is_refused():
    body = INDEX[:-48]
    kind = INDEX.index(struct.pack("<I", masked(crc32c(INDEX[: INDEX.index(b"\0\0\0\0\x01\0\0\0\0") + 9]))))
    spoiled = bytearray(INDEX)
    spoiled[kind - 1] = 1
    with pytest.raises(InvalidModel, match="is compressed"):
        read_bundle(bytes(spoiled), DATA, [])
    footer = (bundles.varint(0) * 2 + bundles.varint(2**62) + bundles.varint(2**62)).ljust(40, b"\0")
    with pytest.raises(InvalidModel, match="beyond its"):
        read_bundle(body + footer + INDEX[-8:], DATA, [])
