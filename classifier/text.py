"""Text that comes from outside, text that goes to a terminal, and text that is searched.

Conventions
-----------
- :func:`clean` is for whatever enters: names of files, tags in files, form fields, JSON, archives. What it returns is
  one line of valid Unicode in the composed form (NFC), and holds nothing that a terminal or a browser obeys.
- :func:`shown` is for whatever leaves to a terminal, where it came from notwithstanding: older rows of a store, paths.
- :func:`fold` is for comparing: what people type finds what is written. It is never shown, and the same on both sides.

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
#: are visible, though Unicode counts them among the invisible ones.
_KEPT = frozenset("\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
_SURROGATE = re.compile("[\ud800-\udfff]")

#: Quotes, primes, and accents that stand alone: people type another one, or none.
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
#: Letters that Unicode does not decompose, as those write them who lack the key.
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
        "ـ": "",  # the Arabic stretch between letters
    }
)


def clean(text: str, most: int = MAX_NAME) -> str:
    """Return text from outside as it is stored and shown.

    Bytes that are no UTF-8 (surrogates, as Python reads names of files) are taken for Windows code page 1252, which
    old programs wrote; what is no character in it, and half a surrogate pair, becomes U+FFFD. Control characters,
    line breaks among them, become spaces; invisible format characters, such as those that turn the direction of
    writing, go. White space is folded, and what is too long ends in "…".

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
    r"""Return text as one line that a terminal only displays: what :func:`clean` would not let in is escaped.

    Escapes are Python's, ``\x1b`` or ``\u202e``, so that nobody takes the text for another; everything else, letters
    of any script and runs of spaces too, stays as it is.
    """
    return "".join(c if c.isprintable() or c in _KEPT else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) in ("Zs", "Co", "Cn"):
        return character  # spaces; characters of a font, or newer than this Python
    return character.encode("unicode_escape").decode()


def json_line(value: object) -> str:
    """Return a value as JSON on one line that a terminal only displays; all beyond ASCII is escaped where need be."""
    line = json.dumps(value, ensure_ascii=False, default=str)
    return line if line.isprintable() else json.dumps(value, default=str)


def fold(text: str) -> str:
    """Return text without what a search should not depend on.

    Case, accents, quotes and the kind of dash go, and so do the differences between compatible forms (full width,
    ligatures, superscripts). Letters such as ø, ł and æ become those that stand in for them. Marks that make another
    letter, such as Japanese voicing and the vowels of Indic scripts and Thai, stay.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        In the composed form (NFC). Folding it again changes nothing.
    """
    # Quotes first: some would fall apart into a space and an accent.
    text = unicodedata.normalize("NFKD", text.translate(_QUOTES))
    text = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS).translate(_QUOTES).translate(_DASHES)
    return unicodedata.normalize("NFC", "".join(filter(_is_told_apart, text)))


def _is_told_apart(character: str) -> bool:
    combining = unicodedata.combining(character)
    # 7 to 9 are marks of Indic scripts and kana; 84 to 199 vowels and tones of Telugu, Thai, Lao and Tibetan.
    is_accent = combining == 1 or 10 <= combining <= 36 or combining >= 200
    return not is_accent and (character.isspace() or unicodedata.category(character) not in ("Cc", "Cf", "Cs"))


def searched(texts: Iterable[str | None]) -> str:
    """Return what a record is searched by: its texts, folded, one a line."""
    return "\n".join(" ".join(fold(text).split()) for text in texts if text)


def words(search: str) -> list[str]:
    """Return the words of a search, folded; each has to occur somewhere in :func:`searched`."""
    return fold(search).split()
