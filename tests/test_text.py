"""Text that enters, text that is shown, and text that is searched: what goes, what stays, and that once is enough."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.text import MAX_NAME, clean, fold, json_line, searched, shown, words

#: Any text that Python can hold, half surrogate pairs among them.
ANYTHING = st.text(st.characters(), max_size=80)
#: Characters that turn the direction of writing (Unicode Standard Annex 9).
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("plain", "plain"),
        ("  two\u00a0 \u3000spaces\t", "two spaces"),
        ("two\r\nlines\u2028three\x85four\vfive", "two lines three four five"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("title\x1b]0;owned\x07", "title ]0;owned"),
        ("\x9b2A", "2A"),
        ("cod\u202egnp.exe", "codgnp.exe"),
        ("so\u00adft, \ufeffze\u200bro", "soft, zero"),
        ("Caf\udce9", "Café"),
        ("Größe \udce9", "Größe é"),  # only the bytes that are no UTF-8 are read as cp1252
        ("\udc81\ud800\udfff", "\ufffd\ufffd\ufffd"),
        ("A\u030angstro\u0308m", "Ångström"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
        ("آية \u06dd", "آية \u06dd"),
        ("\0\u202e \x1b", ""),
    ],
)
def test_cleaning(given_: str, kept: str) -> None:
    assert clean(given_) == kept


@given(ANYTHING)
def test_what_is_cleaned_is_one_harmless_line(text: str) -> None:
    kept = clean(text)
    kept.encode()
    assert clean(kept) == kept == unicodedata.normalize("NFC", kept) == " ".join(kept.split())
    assert not {unicodedata.category(c) for c in kept} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(kept) & set(BIDI)
    assert shown(kept) == kept


def test_what_is_too_long_says_so() -> None:
    assert clean("x" * MAX_NAME) == "x" * MAX_NAME
    assert clean("x" * (MAX_NAME + 1)) == "x" * (MAX_NAME - 1) + "…"
    assert clean("ab  cd", 5) == "ab cd"
    assert clean("ab cdef", 4) == "ab…"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Ødger “東京”  👩\u200d🚀", "Ødger “東京”  👩\u200d🚀"),
        ("evil\x1b[31m\n\x07\x9b", r"evil\x1b[31m\n\x07\x9b"),
        ("caf\udce9 \u202egnp", r"caf\udce9 \u202egnp"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_showing(text: str, seen: str) -> None:
    assert shown(text) == seen


@given(ANYTHING)
def test_what_is_shown_obeys_nobody(text: str) -> None:
    seen = shown(text)
    seen.encode()
    assert shown(seen) == seen
    assert not {unicodedata.category(c) for c in seen} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(seen) & set(BIDI)


@given(st.dictionaries(ANYTHING, ANYTHING, max_size=3))
def test_json_is_one_harmless_line(value: dict[str, str]) -> None:
    line = json_line(value)
    line.encode()
    assert line.isprintable()
    assert json.loads(line) == json.loads(json.dumps(value))
    assert json_line({"a": "Ødger 東京"}) == '{"a": "Ødger 東京"}'


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("odger", "Ødger"),
        ("wilhelmina", "Wilhelmína"),
        ("don’t", "don't"),
        ("don't", "don’t"),
        ("dont", "don´t"),
        ("heroes", "“Heroes”"),
        ("a-ha", "a–ha"),
        ("jay-z", "JAY‐Z"),
        ("strasse", "Straße"),
        ("STRASSE", "Straße"),
        ("aether", "Æther"),
        ("lodz", "Łódź"),
        ("istanbul", "İstanbul"),
        ("abc", "ＡＢＣ"),
        ("fifi", "ﬁﬁ"),
        ("αθηνα", "Αθήνα"),
        ("еще", "Ещё"),
        ("اغنيه", "أُغنيه"),
        ("שלום", "שָׁלוֹם"),
        ("한국", "한국".encode().decode()),
        ("한국", unicodedata.normalize("NFD", "한국")),
        ("naive", "nai\u0308ve"),
        ("soft", "so\u00adft"),
    ],
)
def test_what_is_typed_finds_what_is_written(typed: str, written: str) -> None:
    assert fold(typed) == fold(written)


@pytest.mark.parametrize(("one", "other"), [("はは", "ばば"), ("กิน", "กัน"), ("हिन", "हुन"), ("a", "b"), ("o 1", "o1")])
def test_other_words_stay_others(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(ANYTHING)
def test_folding_twice_is_folding_once(text: str) -> None:
    folded = fold(text)
    folded.encode()
    assert fold(folded) == folded
    assert fold(text.upper().lower()) == fold(fold(text.upper().lower()))


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_every_text_is_found_by_its_own_words(text: str) -> None:
    held = searched(["something else", text, None])
    assert all(word in held for word in words(text))


def test_words_do_not_run_over_from_one_text_to_the_next() -> None:
    held = searched(["Blue", "", None, "Day"])
    assert held == "blue\nday"
    assert [word in held for word in ("blue", "lue", "bluey", "blueday")] == [True, True, False, False]
    assert words(" ' “” \t") == []
