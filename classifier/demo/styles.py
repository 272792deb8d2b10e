"""Styles of the demo songs, as data: what plays, in which pattern, how fast.

Patterns cover one bar, one character a step (a sixteenth note):

* ``.`` is silence, ``-`` holds the note before it;
* drums: ``X`` is an accent, ``x`` a hit, ``o`` a ghost note that comes and goes;
* chords: ``X`` and ``x`` sound the whole chord, a digit one of its notes (of four, 4 is the lowest an octave up);
* bass: ``1``, ``3``, ``5`` and ``8`` are root, third, fifth and octave, ``a`` leads to the next root.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meter:
    """A bar: its beats, as the tempo counts them, and the steps in a beat."""

    name: str
    beats: int
    steps_per_beat: int

    @property
    def steps(self) -> int:
        """Return the number of steps in a bar."""
        return self.beats * self.steps_per_beat


FOUR = Meter("4/4", 4, 4)
THREE = Meter("3/4", 3, 4)
SIX = Meter("6/8", 2, 6)


@dataclass(frozen=True, slots=True)
class Style:
    """One way to make a song.

    Parameters
    ----------
    name : str
    meter : Meter
    tempo : (float, float)
        Bounds of the tempo in beats a minute.
    modes : tuple of str
        Keys of ``harmony.SCALES`` to choose from.
    chord_size : int
        Notes in a chord: 2 is a bare fifth, 3 a triad, 4 a seventh chord, 5 a ninth.
    drums : dict of str to str
        Pattern by drum.
    bass, chords, extra, lead : tuple of str
        Voices to choose from.
    bass_patterns, chord_patterns, extra_patterns : tuple of str
        Patterns to choose from.
    swing : float in [0, 0.5]
        Delay of every second step, in steps.
    strum_s : float
        Seconds between the notes of a chord.
    pump : float in [0, 1]
        How far each kick ducks the chords.
    room_s : float
        Reverberation time, seconds.
    density : float in (0, 2]
        How busy the melody is.
    """

    name: str
    meter: Meter
    tempo: tuple[float, float]
    modes: tuple[str, ...]
    drums: dict[str, str]
    bass: tuple[str, ...]
    bass_patterns: tuple[str, ...]
    chords: tuple[str, ...]
    chord_patterns: tuple[str, ...]
    extra: tuple[str, ...]
    extra_patterns: tuple[str, ...]
    lead: tuple[str, ...]
    chord_size: int = 3
    swing: float = 0.0
    strum_s: float = 0.004
    pump: float = 0.0
    room_s: float = 0.9
    density: float = 1.0


_HELD = "x---------------"

STYLES = (
    Style(
        "synthpop", FOUR, (104, 128), ("minor", "major", "dorian"),
        {"kick": "X...x...X...x...", "clap": "....X.......X...", "hat": "x.x.x.xox.x.x.xo",
         "open": "..........o....."},
        ("saw bass", "square bass"), ("1-1-1-1-1-1-8-1-", "1-1.1-8-1-1.5-8-"),
        ("warm pad", "strings"), (_HELD, "x-------x-----x-"),
        ("pulse", "bell"), ("0.1.2.3.2.1.3.2.", "0.2.1.3.4.3.2.1."), ("saw lead", "square lead"),
        pump=0.25,
    ),
    Style(
        "campfire waltz", THREE, (92, 138), ("major", "mixolydian"),
        {"brush": "....x...o.x.", "kick": "X...........", "shaker": "x.o.x.o.x.o."},
        ("wood bass", "string bass"), ("1-------5---", "1---5---3---", "1-----a---a-"),
        ("guitar",), ("....x---x---", "....x-x-x-x-", "x---x---x-x-"),
        ("accordion", "harp"), ("0-1-2-3-2-1-", "x-----------"), ("flute", "reed"),
        strum_s=0.018, room_s=0.7, density=0.9,
    ),
    Style(
        "house", FOUR, (118, 128), ("minor", "dorian"),
        {"kick": "X...X...X...X...", "clap": "....x.......x..o", "open": "..x...x...x...x.",
         "hat": "o..oo..oo..oo..o"},
        ("sub bass", "square bass"), ("..1-..1-..1-..5-", "1..1..1-..8-..a-"),
        ("organ", "electric piano"), ("x..x..x...x.x...", "..x...x..x....x.", "x--..x--..x-x-.."),
        ("strings", "choir"), (_HELD,), ("pulse", "vibraphone"),
        chord_size=4, pump=0.55, room_s=1.1,
    ),
    Style(
        "slow dance", SIX, (70, 84), ("major", "minor"),
        {"kick": "X.......o...", "snare": "......X.....", "hat": "x.x.x.x.x.xo", "ride": "o..........."},
        ("wood bass", "sub bass"), ("1-------5-8-", "1-----5---a-"),
        ("electric piano", "organ"), ("x-----x---x-", "x---x-x-----"),
        ("strings", "choir"), ("x-----------",), ("reed", "flute", "saw lead"),
        chord_size=3, room_s=1.5, density=0.8,
    ),
    Style(
        "dusty loops", FOUR, (70, 90), ("dorian", "minor", "major"),
        {"kick": "X..o...x..X.....", "snare": "....X..o....X..o", "hat": "x.xox.x.x.xox.xx",
         "rim": ".......o......o."},
        ("sub bass", "string bass"), ("1--.....1-5-..a-", "1-----3-5-----a-"),
        ("electric piano", "tine piano"), ("x-----..x---....", "x---....x-x-----", "..x---..x-----x-"),
        ("vibraphone", "harp"), ("..2...1....3....", "0...2.....1..3.."), ("flute", "marimba", "vibraphone"),
        chord_size=5, swing=0.3, room_s=0.6, strum_s=0.012, density=0.8,
    ),
    Style(
        "garage rock", FOUR, (128, 168), ("minor", "mixolydian", "major"),
        {"kick": "X.....x.X.x.....", "snare": "....X.......X..o", "hat": "x.x.x.x.x.x.x.x.",
         "crash": "o..............."},
        ("saw bass", "string bass"), ("1-1-1-1-1-1-1-1-", "1-1-1-5-1-1-8-a-"),
        ("crunch",), ("x-x-x-x-x-x-x-x-", "x---..x-x---x-x-", "x-x-..x-..x-x---"),
        ("organ", "crunch"), ("x-------x-------", "0-0-1-0-2-0-1-0-"), ("saw lead", "square lead"),
        chord_size=2, room_s=0.6, density=1.1,
    ),
    Style(
        "island time", FOUR, (72, 94), ("minor", "major", "dorian"),
        {"kick": "........X.......", "rim": "........X.....o.", "hat": "x.xox.x.x.xox.x.",
         "conga": "...o..x....o..xo"},
        ("sub bass", "string bass"), ("....1-1-..5-1-..", "1--1--..5-..3-1-"),
        ("organ", "clav"), ("....x.......x...", "..x...x...x...x."),
        ("clav", "organ"), ("..x...x...x...x.", ".0.1.0.2.0.1.0.2"), ("reed", "vibraphone"),
        swing=0.12, room_s=1.0, density=0.9,
    ),
    Style(
        "carousel", THREE, (140, 170), ("major", "minor", "lydian"),
        {"kick": "X...........", "snare": "....o...o...", "hat": "....x...x...", "cowbell": "o..........."},
        ("string bass", "wood bass"), ("1-----------", "1-------5---"),
        ("accordion", "organ"), ("....x-..x-..", "....x...x.x."),
        ("harp", "kalimba"), ("0-1-2-3-4-3-", "0-2-1-3-2-4-"), ("bell", "accordion", "flute"),
        room_s=1.2, density=1.2,
    ),
    Style(
        "beach at noon", FOUR, (118, 142), ("major", "dorian", "lydian"),
        {"kick": "X.....x.X.....x.", "rim": "X..x..x...X..x..", "shaker": "xoxoxoxoxoxoxoxo",
         "conga": "....o.x.....oox."},
        ("wood bass", "string bass"), ("1-----5-5-----a-", "1---..5-1---..5-"),
        ("guitar", "harp"), ("x-..x-..x..x-.x-", "..x-..x-..x-x-..", "x--x--x---x--x--"),
        ("vibraphone", "strings"), (_HELD, "....2...1...3..."), ("flute", "guitar"),
        chord_size=4, strum_s=0.006, room_s=0.8,
    ),
    Style(
        "night bus", FOUR, (160, 170), ("minor", "phrygian", "dorian"),
        {"kick": "X.........x.....", "snare": "....X..o.o..X..o", "hat": "x.xox.x.x.x.x.xo",
         "ride": "o...o...o...o..."},
        ("sub bass", "saw bass"), ("1-----------....", "1-----..1-..5---", "1-------3---a---"),
        ("warm pad", "glass pad"), (_HELD,),
        ("tine piano", "pulse"), ("0..1..2...3..1..", "3..2..1..0..1.2."), ("bell", "choir", "electric piano"),
        chord_size=4, room_s=1.8, pump=0.2, density=0.7,
    ),
    Style(
        "cartridge", FOUR, (130, 164), ("major", "minor", "lydian"),
        {"kick": "X...x...X..xx...", "clap": "....X.......X...", "shaker": "x.x.x.x.x.x.x.xx"},
        ("square bass",), ("1.1.8.1.1.1.8.5.", "1-1-8-8-1-1-5-8-"),
        ("pulse",), ("0123012301230123", "0213021302130213", "0.1.2.3.4.3.2.1."),
        ("pulse", "square lead"), ("..x...x...x...x.", "x.......x......."), ("square lead",),
        room_s=0.35, density=1.3,
    ),
    Style(
        "fog", SIX, (70, 92), ("lydian", "dorian", "phrygian"),
        {"kick": "X...........", "rim": "......o...o.", "shaker": "o.....x....o", "tom": "........o..."},
        ("sub bass",), ("1-----------", "1-------5---"),
        ("glass pad", "choir", "warm pad"), ("x-----------",),
        ("harp", "kalimba"), ("0-1-2-3-2-1-", "3-1-2-0-1-2-"), ("bell", "vibraphone", "flute"),
        chord_size=5, room_s=2.4, density=0.6,
    ),
    Style(
        "harvest jig", SIX, (104, 132), ("mixolydian", "dorian", "major"),
        {"kick": "X.....x.....", "tom": "....o.....o.", "shaker": "x.o.x.x.o.x.", "clap": "......o....."},
        ("string bass", "wood bass"), ("1-----5-----", "1---1-5---a-"),
        ("guitar", "banjo"), ("x---x-x---x-", "x-..x-x-x-x-", "0-1-2-3-1-2-"),
        ("accordion", "strings"), ("x-----------",), ("flute", "reed", "banjo"),
        strum_s=0.014, room_s=0.7, density=1.5,
    ),
    Style(
        "clean funk", FOUR, (94, 114), ("dorian", "mixolydian"),
        {"kick": "X..x..x...x..x..", "snare": "....X..o.o..X...", "hat": "xoxxxoxxxoxxxoxx",
         "open": "..............o.", "cowbell": "o...o...o...o..."},
        ("saw bass", "string bass"), ("1..1..8.1..5.38.", "1.81..1..35.8.a."),
        ("clav", "guitar"), ("x.x..x.x.x..x.x.", "..x..x..x.x..x..", "x..xx..x..x.xx.."),
        ("brass stab", "organ"), ("x.........x.x...", "......x-......x-", "..x-....x.x....."), ("clav", "brass stab"),
        chord_size=4, swing=0.1, room_s=0.5, density=1.2,
    ),
    Style(
        "mirror ball", FOUR, (112, 126), ("minor", "major"),
        {"kick": "X...X...X...X...", "snare": "....X.......X...", "open": "..x...x...x...x.",
         "hat": "x..xx..xx..xx..x", "conga": "o..o..x...o.x..."},
        ("saw bass", "string bass"), ("1-8-1-8-1-8-1-8-", "1-1-8-1-5-5-8-a-"),
        ("strings", "electric piano"), (_HELD, "x-----x-----x---", "....x.......x.x."),
        ("guitar", "brass stab"), ("x.xx..x.x.xx..x.", "..x...x.x...x..."), ("strings", "flute", "saw lead"),
        chord_size=4, room_s=1.0,
    ),
    Style(
        "moonlit tango", FOUR, (100, 122), ("minor", "phrygian"),
        {"kick": "X.....x.X...x...", "snare": "...o........o.xo", "rim": "x..x..x.x..x..x."},
        ("string bass", "wood bass"), ("1-----5-8---5---", "1--..--1..5-..a-"),
        ("accordion", "guitar"), ("x--x--x-x---x---", "x---x---x---x.x."),
        ("strings", "harp"), (_HELD, "0.1.2.3.2.1.0.1."), ("reed", "accordion", "strings"),
        room_s=0.9, strum_s=0.008, density=1.1,
    ),
)  # fmt: skip
