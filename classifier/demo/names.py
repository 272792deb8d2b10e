"""Invented titles, artists and albums for the demo songs; any likeness to real ones is accidental."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_ADJECTIVES = (
    "Paper", "Velvet", "Borrowed", "Crooked", "Lunar", "Salted", "Patient", "Tangerine", "Quiet", "Clockwork",
    "Feathered", "Marmalade", "Hollow", "Wandering", "Copper", "Sleepy", "Polite", "Thimble", "Northern", "Mossy",
    "Electric", "Buttered", "Reluctant", "Silver", "Folding", "Peppermint", "Barefoot", "Invisible", "Woollen",
    "Amber",
)  # fmt: skip
_NOUNS = (
    "Lantern", "Otter", "Teapot", "Harbour", "Umbrella", "Comet", "Orchard", "Postcard", "Badger", "Staircase",
    "Meadow", "Compass", "Bicycle", "Pudding", "Lighthouse", "Magpie", "Suitcase", "Thunderstorm", "Radiator",
    "Hedgehog",
    "Escalator", "Glacier", "Button", "Chimney", "Dragonfly", "Almanac", "Tadpole", "Accordion", "Snowglobe",
    "Ferryboat",
)  # fmt: skip
_FIRST = (
    "Ottoline", "Barnaby", "Ida", "Cosmo", "Philippa", "Ødger", "Marguerite", "Thaddeus", "Wilhelmína", "Rufus",
    "Zélie", "Horatio", "Saskia", "Ambrose", "Tilda", "Leopold", "Juno", "Casimir", "Dorothea", "Fitz",
)  # fmt: skip
_LAST = (
    "Plumtree", "Quillfeather", "Van der Moth", "Ashpenny", "Brindlewood", "Süßkind-Lamp", "Puddock", "Thistledown",
    "Marrowby", "Eveningstar", "Crumpelton", "Oakapple", "Fernsby", "Nightjar", "Wobblestone", "Larkrise",
)  # fmt: skip
_PLACES = (
    "Upper Mumbling", "the Far Side of Tuesday", "Port Custard", "Lake Whisper", "Nowhere-on-Sea", "Platform Zero",
    "Little Thunder", "the Glass Allotment", "Saint Pancake", "Old Moon Street", "Gravel Bay", "the Attic",
)  # fmt: skip
_TITLES = (
    "{adjective} {noun}", "{a_noun} for {first}", "Don't Wake the {noun}", "{noun} over {place}",
    "Letter to {a_noun}",
    "Last Tram to {place}", "The {adjective} {noun} Song", "{first} Keeps {a_noun}", "Somebody Moved the {noun}",
    "Half {a_noun}", "Dancing with {a_noun}", "{place}, Five in the Morning",
)  # fmt: skip
_ARTISTS = (
    "The {adjective} {noun}s", "{first} {last}", "{first} {last} & the {noun}s", "{noun} {noun2}",
    "DJ {adjective} {noun}", "The {last} Sisters", "{adjective} {noun} Club", "{first} and {first2}",
)  # fmt: skip
_ALBUMS = (
    "Songs from {place}", "The {noun} Almanac", "{number} {noun}s", "How to Fold {a_noun}", "{adjective} Weather",
    "Greetings from {place}", "A Short History of the {noun}", "{number} {adjective} Evenings", "Notes to {a_noun}",
    "{adjective} {noun}s of {place}",
)  # fmt: skip
_NUMBERS = ("Three", "Seven", "Nine", "Eleven", "Thirteen", "Forty", "Ninety-Nine", "A Thousand")


class Names(NamedTuple):
    """The label of a record."""

    title: str
    artist: str
    album: str


def draw(rng: np.random.Generator) -> Names:
    """Draw the names of one song; the same generator state gives the same names."""

    def fill(patterns: tuple[str, ...]) -> str:
        first, first2 = rng.choice(_FIRST, 2, replace=False)
        noun, noun2 = rng.choice(_NOUNS, 2, replace=False)
        words = {
            "first": first, "first2": first2, "last": rng.choice(_LAST), "place": rng.choice(_PLACES),
            "noun": noun, "noun2": noun2, "a_noun": f"{'an' if noun[0] in 'AEIOU' else 'a'} {noun}",
            "adjective": rng.choice(_ADJECTIVES), "number": rng.choice(_NUMBERS),
        }  # fmt: skip
        text = str(rng.choice(patterns)).format(**words)
        return text[0].upper() + text[1:]

    return Names(fill(_TITLES), fill(_ARTISTS), fill(_ALBUMS))
