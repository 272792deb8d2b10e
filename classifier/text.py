"""Text from outside, text for a terminal, and text for searching.

Conventions
-----------
- :func:`clean` is for all text that enters: file names, tags in files, form fields, JSON, archives. It returns one line
  of valid Unicode in the composed form (NFC), without anything that a terminal or a browser would obey.
- :func:`shown` is for all text that goes to a terminal, wherever it came from: older rows of a store, paths.
- :func:`fold` is for comparing, so that what people type finds what is written. It applies to both sides, and its
  result is never shown.

Sources: Unicode Standard Annexes 9 (bidirectional text), 15 (normalization) and 44 (categories, combining classes);
Unicode 3.13 (caseless matching).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable

#: Most characters of a name (a title, an artist, a file), and of free text.
MAX_NAME, MAX_NOTE = 500, 5000

#: Format characters (category Cf) that are kept: joiners, which Persian, Indic scripts and emoji need, and signs that
#: are visible although Unicode classes them as format characters.
_KEPT = frozenset("\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
_SURROGATE = re.compile("[\ud800-\udfff]")

#: Quotes, primes, and standalone accents: people type a different one, or none.
_QUOTES = dict.fromkeys(
    map(
        ord,
        "'\"`\u00b4\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f",
    )
)
_QUOTES |= dict.fromkeys(
    map(ord, "\u00ab\u00bb\u2032\u2033\u2034\u2035\u2036\u2039\u203a\u300c\u300d\u300e\u300f\uff02\uff07")
)
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d"), "-")
#: Letters that Unicode does not decompose, as people without the key write them.
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "ı": "i",
        "ł": "l",
        "ŧ": "t",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ŋ": "n",
        "ə": "e",
        "ƒ": "f",
        "ـ": "",  # Arabic tatweel, which stretches words
    }
)


def clean(text: str, most: int = MAX_NAME) -> str:
    """Return text from outside in the form in which it is stored and shown.

    Bytes that are not UTF-8 (surrogates, as Python reads file names) are read as Windows code page 1252, which old
    programs wrote; bytes without a character in it, and lone surrogates, become U+FFFD. Control characters and line
    breaks become spaces. Invisible format characters, such as those that change the direction of writing, are removed.
    White space is collapsed, and text that is too long ends in "…".

    Parameters
    ----------
    text : str
        Anything.
    most : int >= 1
        Most characters of the result.

    Returns
    -------
    str
        Empty if nothing visible is left. Cleaning it again changes nothing.
    """
    text = _SURROGATE.sub(_repaired, text)
    text = unicodedata.normalize("NFC", "".join(map(_harmless, text)))
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _repaired(match: re.Match[str]) -> str:
    number = ord(match[0]) - 0xDC00
    return bytes([number]).decode("cp1252", "replace") if 0x80 <= number <= 0xFF else "\ufffd"


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category == "Cf" and character not in _KEPT else character


def shown(text: str) -> str:
    r"""Return text as one line that a terminal displays and never obeys: what :func:`clean` removes is escaped.

    Escapes are Python's, ``\x1b`` or ``\u202e``, so that the text cannot be mistaken for another. Everything else,
    including letters of any script and runs of spaces, stays as it is.
    """
    return "".join(c if c.isprintable() or c in _KEPT else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) in ("Zs", "Co", "Cn"):
        return character  # spaces; private-use characters, or characters newer than this Python
    return character.encode("unicode_escape").decode()


def json_line(value: object) -> str:
    """Return a value as JSON on one line that a terminal displays and never obeys; escaped to ASCII if need be."""
    line = json.dumps(value, ensure_ascii=False, default=str)
    return line if line.isprintable() else json.dumps(value, default=str)


def fold(text: str) -> str:
    """Return text without the differences that a search ignores.

    Case, accents, quotes and kinds of dash are removed, and so are the differences between compatible forms (full
    width, ligatures, superscripts). Letters such as ø, ł and æ become their usual substitutes. Marks that make a
    different letter, such as Japanese voicing and the vowels of Indic scripts and Thai, stay.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        In the composed form (NFC). Folding it again changes nothing.
    """
    # Quotes first: NFKD decomposes some into a space and an accent.
    text = unicodedata.normalize("NFKD", text.translate(_QUOTES))
    text = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS).translate(_QUOTES).translate(_DASHES)
    return unicodedata.normalize("NFC", "".join(filter(_is_told_apart, text)))


def _is_told_apart(character: str) -> bool:
    combining = unicodedata.combining(character)
    # 7 to 9 are marks of Indic scripts and kana; 84 to 199 vowels and tones of Telugu, Thai, Lao and Tibetan.
    is_accent = combining == 1 or 10 <= combining <= 36 or combining >= 200
    return not is_accent and (character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Cs"))


def searched(texts: Iterable[str | None]) -> str:
    """Return the text in which a record is searched: its texts, folded, one a line."""
    return "\n".join(" ".join(fold(text).split()) for text in texts if text)


def words(search: str) -> list[str]:
    """Return the words of a search, folded; each has to occur somewhere in :func:`searched`."""
    return fold(search).split()
