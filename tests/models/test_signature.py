"""Signatures: what survives the rounding, how few bytes it takes, and what is refused whoever sends it."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.config import FeatureConfig
from classifier.errors import EarmarkError, InvalidSignature, SignatureMismatch
from classifier.fingerprint import bits, reliability
from classifier.mixtures.divergence import Packed, symmetric_kl_aligned
from classifier.models import coding, signature
from classifier.models.background import builtin_background
from classifier.models.numbers import Numbers, Shape
from classifier.models.query import Query, model_query
from classifier.search import align
from tests.library import RATE, lively_noise
from tests.prints import unpack, weights_of

CONFIG, BACKGROUND = FeatureConfig(), builtin_background()
#: What the interface promises of five seconds.
MOST_BYTES = 8000
#: Where the payload lies between header and checksum.
HEADER, CHECK = 20, 4
#: Half a step of means and factors, in units of standardised features, and a little for arithmetic.
ROUNDING = 0.51 * signature.STEP


def sound(seconds: float = 5.0, seed: int = 3) -> np.ndarray:
    return lively_noise(seconds, seed)


def query_of(samples: np.ndarray, config: FeatureConfig = CONFIG) -> Query:
    return model_query(samples, config, BACKGROUND)


@pytest.fixture(scope="module")
def query() -> Query:
    return query_of(sound())


@pytest.fixture(scope="module")
def signed(query) -> bytes:
    return signature.encode(query, CONFIG, BACKGROUND)


def resealed(content: bytes) -> bytes:
    """Give bytes the checksum of a signature that nobody damaged."""
    return content[:-CHECK] + struct.pack("<I", zlib.crc32(content[:-CHECK]))


def with_numbers(numbers: Numbers, signed: bytes) -> bytes:
    """Write other numbers under a signature's header."""
    room = np.zeros(numbers.most_bytes, np.uint8)
    coder = coding.writer()
    numbers.code(coder, room, CONFIG)
    payload = room[: coding.finish(coder, room)].tobytes()
    return resealed(signed[:HEADER] + payload + bytes(CHECK))


def numbers_of(signed: bytes) -> Numbers:
    """Read a signature's numbers without any check."""
    numbers = Numbers.empty(Shape.of(signature.n_samples(signed), CONFIG), CONFIG)
    payload = np.frombuffer(signed, np.uint8)[HEADER:-CHECK].copy()
    numbers.code(coding.reader(payload), payload, CONFIG)
    return numbers


def test_the_fingerprint_survives(query, signed):
    """Signs of all bits that count, exactly; weights nearly, and as they are where there are bytes for them."""
    read = signature.decode(signed, CONFIG, BACKGROUND)
    before, after = weights_of(query.fingerprint), weights_of(read.fingerprint)
    assert before.any()
    np.testing.assert_array_equal(after > 0, before > 0)
    assert (before * after).sum() > 0.95 * np.sqrt((before * before).sum() * (after * after).sum())
    for phase in range(2):
        signs, there = (unpack(f.words[phase])[0] for f in (query.fingerprint, read.fingerprint))
        counted = after[phase] > 0
        np.testing.assert_array_equal(signs[counted], there[counted])
    assert read.fingerprint.expected == pytest.approx(query.fingerprint.expected, abs=1e-5)
    short = query_of(sound(1.0))
    read = signature.decode(signature.encode(short, CONFIG, BACKGROUND), CONFIG, BACKGROUND)
    np.testing.assert_array_equal(read.fingerprint.planes, short.fingerprint.planes)


def test_slots_and_windows_survive(query, signed):
    read = signature.decode(signed, CONFIG, BACKGROUND)
    np.testing.assert_array_equal(read.slots, query.slots)
    np.testing.assert_array_equal(read.start_s, query.start_s)
    assert (read.duration_s, read.slot_variance) == (query.duration_s, query.slot_variance)
    np.testing.assert_allclose(read.mixtures.means, query.mixtures.means, atol=ROUNDING)
    np.testing.assert_allclose(read.mixtures.weights, query.mixtures.weights, atol=1e-4)
    assert read.mixtures.weights.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    # Of the 10 to 50 nats between different windows, rounding costs nothing that anybody sees.
    apart = symmetric_kl_aligned(Packed.of(read.mixtures), Packed.of(query.mixtures))
    assert np.diagonal(apart).max() < 0.05


def test_reading_and_writing_again_changes_no_byte(signed):
    assert signature.encode(signature.decode(signed, CONFIG, BACKGROUND), CONFIG, BACKGROUND) == signed


def test_five_seconds_take_less_than_8_kilobytes():
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        for samples in (sound(seed=seed), (0.1 * rng.standard_normal(5 * RATE)).astype(np.float32)):
            assert len(signature.encode(query_of(samples), CONFIG, BACKGROUND)) <= MOST_BYTES


@pytest.mark.parametrize(
    "samples",
    [sound(1.0), sound(5.49, 4), sound(12.0, 5), np.zeros(2 * RATE, np.float32), sound(0.2), np.zeros(0, np.float32)],
    ids=["1 s", "5.49 s", "12 s", "silence", "too short for a frame", "nothing"],
)
def test_every_length_comes_back(samples):
    query = query_of(samples)
    read = signature.decode(signature.encode(query, CONFIG, BACKGROUND), CONFIG, BACKGROUND)
    assert read.fingerprint.n_frames == query.fingerprint.n_frames
    np.testing.assert_array_equal(read.slots, query.slots)
    np.testing.assert_array_equal(read.start_s, query.start_s)


@pytest.mark.parametrize(
    "config",
    [FeatureConfig(em_max_iterations=4), FeatureConfig(covariance_type="diag"), FeatureConfig(sample_rate=22050)],
)
def test_other_catalogues_have_signatures_too(config):
    query = query_of(lively_noise(6.0, 9, config.sample_rate), config)
    read = signature.decode(signature.encode(query, config, BACKGROUND), config, BACKGROUND)
    np.testing.assert_array_equal(read.slots, query.slots)
    np.testing.assert_allclose(read.mixtures.means, query.mixtures.means, atol=ROUNDING)
    np.testing.assert_allclose(read.mixtures.covariances, query.mixtures.covariances, atol=0.02)


def test_a_place_stands_out_as_much_as_with_sound():
    """Cheaper weights cost little: z at the true place, noise included, stays within 4 %."""
    track = sound(20.0, 21)
    heard = track[4 * RATE : 9 * RATE] + 0.1 * np.random.default_rng(0).standard_normal(5 * RATE).astype(np.float32)
    query = query_of(heard)
    read = signature.decode(signature.encode(query, CONFIG, BACKGROUND), CONFIG, BACKGROUND)
    words = bits.reference_words(track)
    whole, packed = (align.align(f, words, align.null_of(f)) for f in (query.fingerprint, read.fingerprint))
    assert (packed.lag, packed.phase) == (whole.lag, whole.phase)
    assert packed.z == pytest.approx(whole.z, rel=0.04)


# --- what is refused ------------------------------------------------------------------------------------------


def test_what_was_made_for_something_else_is_named(signed):
    other = replace(CONFIG, covariance_floor=0.02)
    with pytest.raises(SignatureMismatch, match="send the sound"):
        signature.decode(signed, other, BACKGROUND)
    with pytest.raises(SignatureMismatch, match="features"):
        signature.decode(signed, CONFIG, replace(BACKGROUND, id="another"))
    with pytest.raises(SignatureMismatch, match="version 3"):
        signature.decode(resealed(signed[:4] + b"\3" + signed[5:]), CONFIG, BACKGROUND)
    for network in (0, reliability.VERSION + 1):
        with pytest.raises(SignatureMismatch, match=f"network {network}"):
            signature.decode(resealed(signed[:5] + bytes([network]) + signed[6:]), CONFIG, BACKGROUND)
    # How a catalogue decides, and how often its tracks have windows, change nothing.
    signature.decode(signed, replace(CONFIG, method="kl", window_step=0.5), BACKGROUND)


def test_a_byte_too_many_too_few_or_another_is_refused(signed):
    for content in (
        b"",
        b"EMSG",
        signed[:-1],
        signed + b"\0",
        b"RIFF" + signed[4:],
        signed[:99] + bytes([signed[99] ^ 1]) + signed[100:],
    ):
        with pytest.raises(InvalidSignature):
            signature.decode(content, CONFIG, BACKGROUND)
    for content in (signed[:-CHECK] + bytes(1 + CHECK), signed[: -CHECK - 1] + bytes(CHECK)):
        with pytest.raises(InvalidSignature, match="bytes of numbers"):
            signature.decode(resealed(content), CONFIG, BACKGROUND)


def test_another_length_than_that_of_its_numbers_is_refused(signed):
    for n_samples in (0, RATE, 5 * RATE + 512, 2**32 - 1):
        content = resealed(signed[:14] + struct.pack("<I", n_samples) + signed[18:])
        with pytest.raises(InvalidSignature):
            signature.decode(content, CONFIG, BACKGROUND)
    with pytest.raises(InvalidSignature, match=r"limit is 4 s"):
        signature.decode(signed, CONFIG, BACKGROUND, max_seconds=4.0)
    with pytest.raises(InvalidSignature, match="is the limit"):
        signature.decode(signed + bytes(signature.most_bytes(5.0)), CONFIG, BACKGROUND, max_seconds=5.0)


def test_numbers_that_no_sound_gives_are_refused(signed):
    def refused(match: str, change) -> None:
        numbers = numbers_of(signed)
        change(numbers)
        with pytest.raises(InvalidSignature, match=match):
            signature.decode(with_numbers(numbers, signed), CONFIG, BACKGROUND)

    numbers = numbers_of(signed)
    assert with_numbers(numbers, signed) == signed
    refused("-128", lambda n: n.slots.__setitem__((0, 0, 0), -128))
    refused("do not sum", lambda n: n.mixtures.__setitem__((0, 0, 0), n.mixtures[0, 0, 0] + 1))
    refused("weights", lambda n: n.mixtures.__setitem__((0, slice(None), 0), -32768))
    # Covariances: no variance, a negative root, and one that is narrow in a direction that is no axis.
    first = 1 + CONFIG.n_mfcc
    refused("0 or less", lambda n: n.mixtures.__setitem__((0, 0, first), 0))
    refused("0 or less", lambda n: n.mixtures.__setitem__((0, 0, first), -400))
    refused("the least is", lambda n: n.mixtures.__setitem__((0, 0, first), 100))
    refused("the least is", lambda n: n.mixtures.__setitem__((0, 0, first + 1), 32767))


@settings(max_examples=150, deadline=None)
@given(payload=st.binary(max_size=3000), n_samples=st.integers(0, 20 * RATE), expected=st.integers(0, 65535))
def test_bytes_of_anyone_are_a_query_or_an_error(payload, n_samples, expected):
    """Whatever the numbers, there is an error of ours or models that the search can use."""
    head = struct.pack(
        "<4sBB8sIH", b"EMSG", signature.VERSION, 1, signature.features_id(CONFIG, BACKGROUND), n_samples, expected
    )
    try:
        query = signature.decode(resealed(head + payload + bytes(CHECK)), CONFIG, BACKGROUND)
    except EarmarkError:
        return
    _usable(query)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_numbers_of_anyone_are_a_query_or_an_error(signed, data):
    """As above, of payloads that are coded as they should be and hold anything."""
    numbers = numbers_of(signed)
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    for name, low, high in (("live", 0, 2), ("weights", 0, 4), ("signs", 0, 2), ("slots", -128, 128)):
        if data.draw(st.booleans(), label=name):
            array = getattr(numbers, name)
            array[:] = rng.integers(low, high, array.shape)
    if data.draw(st.booleans(), label="mixtures"):
        where = rng.random(numbers.mixtures.shape) < 10 ** -data.draw(st.floats(0, 4))
        numbers.mixtures[where] = rng.integers(-32768, 32768, int(where.sum()))
    numbers.weights[numbers.live == 0] = 0
    numbers.signs[numbers.weights == 0] = 0
    try:
        query = signature.decode(with_numbers(numbers, signed), CONFIG, BACKGROUND)
    except InvalidSignature:
        return
    _usable(query)


def _usable(query: Query) -> None:
    """Models are finite, mixtures positive definite, and a search of any track does not fail."""
    mixtures = query.mixtures
    assert np.isfinite(mixtures.means).all()
    if len(mixtures):
        assert np.linalg.eigvalsh(mixtures.covariances).min() > 0.9 * CONFIG.covariance_floor
        assert np.isfinite(Packed.of(mixtures).own).all()
    null = align.null_of(query.fingerprint, align.cohort()[:3000])
    if null is not None:
        found = align.align(query.fingerprint, align.cohort()[3000:4000], null)
        assert found is None or np.isfinite(found.z)


# --- coding ---------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 255)), max_size=400),
    plain=st.lists(st.integers(0, 255), max_size=50),
)
def test_coded_numbers_come_back(numbers, plain):
    room, coder, model = np.zeros(4096, np.uint8), coding.writer(), coding.contexts(4 * 256)
    for kind, number in numbers:
        assert coding.code_number(coder, room, model, 256 * kind, 8, number) == number
    for number in plain:
        coding.code_plain(coder, room, 8, number)
    data = room[: coding.finish(coder, room)]
    coder, model = coding.reader(data), coding.contexts(4 * 256)
    assert [coding.code_number(coder, data, model, 256 * kind, 8, 0) for kind, _ in numbers] == [n for _, n in numbers]
    assert [coding.code_plain(coder, data, 8, 0) for _ in plain] == plain
    assert coding.read(coder) == len(data)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_bits_take_little_more_than_their_entropy(share):
    """Shannon's bound, plus what learning the share costs: 1/2 log2 n and the limited memory."""
    n = 20_000
    drawn = np.random.default_rng(1).random(n) < share
    room, coder, model = np.zeros(n, np.uint8), coding.writer(), coding.contexts(1)
    for bit in drawn:
        coding.code_bit(coder, room, model, 0, int(bit))
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    assert 0.9 * n * entropy / 8 < coding.finish(coder, room) < 1.03 * n * entropy / 8 + 30
