"""Composing: from a seed to notes with times, pitches and loudnesses.

Conventions: a step is a sixteenth, counted from the song's start; times are seconds; velocities run from 0 to 1.
Nothing is looped. A section that returns is written anew from the same themes and patterns, so that its notes, their
timing and their loudness differ each time, as when people play.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from classifier.demo.harmony import PROGRESSIONS, Key, voicing
from classifier.demo.styles import Style

RING_S = 2.5  # what sounds after the last bar
_SHORTEST_S, _LONGEST_S = 61.0, 89.0


class Note(NamedTuple):
    """One note of a pitched part."""

    start_s: float
    held_s: float
    midi: int
    velocity: float


class Stroke(NamedTuple):
    """One hit of a drum."""

    start_s: float
    drum: str
    velocity: float


class Section(NamedTuple):
    """A stretch of the song, in bars."""

    kind: str
    first_bar: int
    n_bars: int


@dataclass(frozen=True, slots=True)
class Score:
    """A song on paper: pitched notes by part, drum strokes, its length, and whether it ends or is cut."""

    style: Style
    key: Key
    tempo_bpm: float
    duration_s: float
    is_cut: bool
    sections: tuple[Section, ...]
    parts: dict[str, list[Note]]
    strokes: list[Stroke]

    @property
    def bar_s(self) -> float:
        """Return the seconds of a bar."""
        return 60.0 / self.tempo_bpm * self.style.meter.beats


# Units of two, four or eight bars, by section.
_FORMS = (
    "intro verse verse chorus chorus break outro",
    "intro verse verse chorus verse chorus chorus outro",
    "chorus verse verse chorus break verse chorus chorus outro",
    "intro verse verse chorus chorus verse break chorus chorus outro",
    "intro verse verse chorus chorus break verse chorus chorus outro outro",
    "intro intro verse verse chorus chorus break verse verse chorus chorus outro",
    "intro verse verse chorus chorus verse verse chorus chorus break chorus chorus outro",
    "intro intro verse verse chorus chorus verse verse break break chorus chorus chorus outro",
)
# Who may play where: one line-up is chosen for each section. "light" drums leave some of the kit out.
_LINE_UPS = {
    "intro": ("chords extra", "light bass chords", "chords lead", "light chords extra", "bass extra light"),
    "verse": ("drums bass chords lead", "drums bass extra lead", "light bass chords lead", "drums bass chords"),
    "chorus": ("drums bass chords extra lead",),
    "break": ("chords lead", "light bass extra", "drums bass", "extra lead bass", "light chords extra"),
    "outro": ("drums bass chords extra", "chords extra lead", "light bass chords", "drums bass chords lead"),
}
_LOUDNESS = {"intro": 0.75, "verse": 0.85, "chorus": 1.0, "break": 0.75, "outro": 0.85}
_CENTRES = {"bass": 38.0, "chords": 58.0, "extra": 66.0, "lead": 74.0}


def _events(pattern: str) -> list[tuple[int, str, int]]:
    """Return (step, symbol, steps held) of every note in a pattern."""
    found: list[tuple[int, str, int]] = []
    for step, symbol in enumerate(pattern):
        if symbol == "-" and found:
            start, first, _ = found[-1]
            found[-1] = (start, first, step + 1 - start)
        elif symbol not in ".-":
            found.append((step, symbol, 1))
    return found


class _Motif(NamedTuple):
    """A phrase of melody: when each note starts and ends (steps from the phrase's start), and how far it moves."""

    starts: list[int]
    lengths: list[int]
    moves: list[int]


class _Composer:
    """Writes one song; all methods draw from one generator, in order."""

    def __init__(self, rng: np.random.Generator, style: Style, duration_s: float | None) -> None:
        self.rng, self.style, self.meter = rng, style, style.meter
        self.tempo_bpm = round(float(rng.uniform(*style.tempo)), 1)
        self.key = Key(int(rng.integers(12)), str(rng.choice(style.modes)))
        self.step_s = 60.0 / self.tempo_bpm / self.meter.steps_per_beat
        self.bar_s = self.step_s * self.meter.steps
        short_bars = self.bar_s < 1.3
        self.bars_per_chord = 2 if short_bars else 1
        self.phrase_bars = 4 if short_bars else 2
        self.cut_s = duration_s
        self.sections = self._form(duration_s)
        self.n_bars = self.sections[-1].first_bar + self.sections[-1].n_bars
        self.wander = rng.uniform([0.004, 7.0, 0.0], [0.010, 19.0, 1.0])  # depth s, period s, phase of the beat's drift
        self.swing = style.swing * float(rng.uniform(0.8, 1.2))
        self.patterns = {
            part: str(rng.choice(options))
            for part, options in (
                ("bass", style.bass_patterns), ("chords", style.chord_patterns), ("extra", style.extra_patterns)
            )
        }  # fmt: skip
        self.drums = {drum: self._mutate(pattern) for drum, pattern in style.drums.items()}
        self.parts: dict[str, list[Note]] = {"bass": [], "chords": [], "extra": [], "lead": []}
        self.strokes: list[Stroke] = []

    # ------------------------------------------------------------------------------------------------- structure

    def _form(self, duration_s: float | None) -> tuple[Section, ...]:
        options = []
        for form in _FORMS:
            units = form.split()
            for unit in (2, 4, 8):
                total_s = len(units) * unit * self.bar_s + RING_S
                options.append((abs(total_s - 75.0), _SHORTEST_S < total_s < _LONGEST_S, units, unit))
        fitting = [option for option in options if option[1]] or [min(options, key=lambda option: option[0])]
        _, _, units, unit = fitting[int(self.rng.integers(len(fitting)))]
        needed = math.ceil(duration_s / self.bar_s) if duration_s is not None else len(units) * unit
        sections: list[Section] = []
        bar = 0
        while bar < needed:
            for kind in units:
                if sections and sections[-1].kind == kind:
                    sections[-1] = sections[-1]._replace(n_bars=sections[-1].n_bars + unit)
                else:
                    sections.append(Section(kind, bar, unit))
                bar += unit
                if bar >= needed:
                    break
        return tuple(sections)

    def _mutate(self, pattern: str) -> str:
        """Vary a drum pattern for this song: now and then a ghost note is added, or a plain hit becomes one."""
        symbols = list(pattern)
        for step, symbol in enumerate(symbols):
            chance = self.rng.random()
            if (symbol == "." and chance < 0.05) or (symbol == "x" and chance < 0.08):
                symbols[step] = "o"
        return "".join(symbols)

    def _at(self, step: float) -> float:
        """Return the time of a step, with the song's swing and the slow drift of people without a metronome."""
        depth, period, phase = self.wander
        late = self.swing if round(step) % 2 else 0.0
        time = (step + late) * self.step_s
        return float(time + depth * math.sin(2 * math.pi * (time / period + phase)) + depth)

    def _play(self, part: str, step: float, steps: float, midi: int, velocity: float, late_s: float = 0.0) -> None:
        start = max(0.0, self._at(step) + late_s + float(self.rng.normal(0.0, 0.005)))
        loud = velocity * float(self.rng.uniform(0.82, 1.0))
        self.parts[part].append(Note(start, steps * self.step_s, int(midi), loud))

    # ----------------------------------------------------------------------------------------------------- parts

    def compose(self) -> Score:
        """Write every section, then the last chord."""
        rng = self.rng
        progressions = {}
        themes = {}
        for kind in dict.fromkeys(section.kind for section in self.sections):
            progressions[kind] = [int(root) for root in rng.choice(PROGRESSIONS[self.key.mode])]
            themes[kind] = (self._motif(kind), self._motif(kind))
        for kind, source in (("intro", "verse"), ("outro", "chorus")):  # most announce or recall the song
            if rng.random() < 0.6:
                progressions[kind] = progressions.get(source, progressions.get(kind, []))
        for section in self.sections:
            self._section(section, progressions[section.kind], themes[section.kind])
        if self.cut_s is None:
            self._last_chord()
        total_s = self.n_bars * self.bar_s + RING_S if self.cut_s is None else self.cut_s
        return Score(
            self.style,
            self.key,
            self.tempo_bpm,
            total_s,
            self.cut_s is not None,
            self.sections,
            self.parts,
            self.strokes,
        )

    def _section(self, section: Section, progression: list[int], theme: tuple[_Motif, _Motif]) -> None:
        line_up = str(self.rng.choice(_LINE_UPS[section.kind])).split()
        loud = _LOUDNESS[section.kind]
        roots = []
        for bar in range(section.n_bars):
            root = progression[bar // self.bars_per_chord % len(progression)]
            if bar >= section.n_bars // 2 and self.rng.random() < 0.15:
                root = self.key.substitute(root)
            roots.append(root)
        if "bass" in line_up:
            self._bass(section, roots, loud)
        for part in ("chords", "extra"):
            if part in line_up:
                self._chords(part, section, roots, loud)
        if "lead" in line_up:
            self._lead(section, roots, theme, loud)
        if "drums" in line_up or "light" in line_up:
            self._drums(section, light="light" in line_up, loud=loud)

    def _bass(self, section: Section, roots: list[int], loud: float) -> None:
        intervals = {"1": 0, "3": 2, "5": 4, "8": 7, "a": 0}
        for bar, root in enumerate(roots):
            following = roots[bar + 1] if bar + 1 < len(roots) else roots[0]
            lowest = self._bass_pitch(root)
            for step, symbol, steps in _events(self.patterns["bass"]):
                chance = self.rng.random()
                if chance < 0.04 and step:
                    continue
                degree = root + intervals[symbol]
                if symbol == "a":
                    degree = following + (1 if self.rng.random() < 0.5 else -1)
                elif chance > 0.93:
                    degree = root + int(self.rng.choice((4, 7)))
                midi = lowest + self.key.pitch(degree) - self.key.pitch(root)
                accent = 1.0 if step == 0 else 0.8
                self._play(
                    "bass", (section.first_bar + bar) * self.meter.steps + step, 0.92 * steps, midi, loud * accent
                )

    def _bass_pitch(self, root: int) -> int:
        midi = self.key.pitch(root)
        return midi + 12 * round((_CENTRES["bass"] - midi) / 12.0)

    def _chords(self, part: str, section: Section, roots: list[int], loud: float) -> None:
        centre = _CENTRES[part] + float(self.rng.uniform(-2.0, 2.0))
        notes: tuple[int, ...] = ()
        for bar, root in enumerate(roots):
            size = self.style.chord_size + int(self.rng.random() < 0.12)
            notes = voicing(self.key, root, size, centre + float(self.rng.uniform(-1.5, 1.5)), notes)
            first = (section.first_bar + bar) * self.meter.steps
            for step, symbol, steps in _events(self.patterns[part]):
                if self.rng.random() < 0.05 and step:
                    continue
                late = float(self.rng.normal(0.0, 0.003))
                accent = loud * (1.0 if step % self.meter.steps_per_beat == 0 else 0.85)
                if symbol.isdigit():
                    octave, index = divmod(int(symbol), len(notes))
                    if self.rng.random() < 0.1:
                        index = int(self.rng.integers(len(notes)))
                    self._play(part, first + step, steps, notes[index] + 12 * octave, accent, late)
                    continue
                order = notes if self.rng.random() < 0.7 else notes[::-1]
                for index, midi in enumerate(order):
                    spread = index * self.style.strum_s * float(self.rng.uniform(0.6, 1.4))
                    self._play(part, first + step, 0.95 * steps, midi, accent, late + spread)

    def _motif(self, kind: str) -> _Motif:
        """Invent a phrase: a rhythm of a few note lengths with a rest at its end, and a contour."""
        rng, meter = self.rng, self.meter
        span = self.phrase_bars * meter.steps
        lengths_of = np.array((1, 2, 3, 4, 6, 8)) if meter.steps_per_beat == 4 else np.array((1, 2, 4, 6, 3, 8))
        weights = np.array((0.08, 0.42, 0.12, 0.26, 0.08, 0.04))
        usual_s = 0.32 / (self.style.density * (0.8 if kind in ("intro", "break") else 1.0))
        weights = weights * np.exp(-0.5 * np.log2(lengths_of * self.step_s / usual_s) ** 2)
        weights /= weights.sum()
        at = int(rng.choice((0, 0, 0, 2, meter.steps_per_beat)))
        end = span - int(rng.integers(meter.steps_per_beat, meter.steps))
        starts: list[int] = []
        lengths: list[int] = []
        while at < end:
            length = int(rng.choice(lengths_of, p=weights))
            if rng.random() > 0.12:
                starts.append(at)
                lengths.append(length)
            at += length
        moves = [
            0,
            *(int(move) for move in rng.choice((-4, -3, -2, -1, -1, 0, 1, 1, 2, 3, 4), size=max(0, len(starts) - 1))),
        ]
        for index in range(2, len(moves)):
            if abs(moves[index - 1]) >= 3:  # a leap is followed by a step back
                moves[index] = -int(math.copysign(1, moves[index - 1]))
        return _Motif(starts, lengths, moves)

    def _varied(self, motif: _Motif) -> Iterator[tuple[int, int, int]]:
        """Play a motif as memory has it: some notes left out, split, or bent by a degree."""
        for index, (start, length, move) in enumerate(zip(*motif, strict=True)):
            chance = self.rng.random()
            if index and chance < 0.1:
                continue
            if length >= 4 and chance > 0.85:
                yield start, length // 2, move
                yield start + length // 2, length - length // 2, int(self.rng.choice((-1, 1)))
            else:
                yield start, length, move + (int(self.rng.choice((-1, 1))) if 0.1 < chance < 0.22 else 0)

    def _lead(self, section: Section, roots: list[int], theme: tuple[_Motif, _Motif], loud: float) -> None:
        home = 8 if section.kind == "chorus" else 6  # degrees over the tonic near middle C
        while self.key.pitch(home) > _CENTRES["lead"] + 6:
            home -= 2
        low, high = home - 6, home + 6
        degree = home + int(self.rng.integers(-2, 3))
        for phrase in range(0, section.n_bars, self.phrase_bars):
            motif = theme[(0, 0, 1, 0)[phrase // self.phrase_bars % 4]]
            for start, length, move in self._varied(motif):
                bar = phrase + start // self.meter.steps
                if bar >= section.n_bars:
                    break
                degree += move
                degree = 2 * high - degree if degree > high else 2 * low - degree if degree < low else degree
                if length >= 3 or start % self.meter.steps_per_beat == 0:
                    degree = self._nearest_chord_note(degree, roots[bar])
                step = section.first_bar * self.meter.steps + phrase * self.meter.steps + start
                self._play("lead", step, 0.93 * length, self.key.pitch(degree), loud, late_s=0.006)

    def _nearest_chord_note(self, degree: int, root: int) -> int:
        classes = {note % 7 for note in self.key.chord(root, 3)}
        return min(range(degree - 3, degree + 4), key=lambda near: (near % 7 not in classes, abs(near - degree)))

    def _drums(self, section: Section, *, light: bool, loud: float) -> None:
        rng, steps = self.rng, self.meter.steps
        kit = list(self.drums)
        silent = set(rng.choice(kit, size=min(2, len(kit) - 1), replace=False)) if light else set()
        for bar in range(section.n_bars):
            first = (section.first_bar + bar) * steps
            last = bar == section.n_bars - 1
            fill_from = steps
            if last or (bar % 4 == 3 and rng.random() < 0.35):
                fill_from -= (
                    int(rng.choice((1, 2) if not last else (1, 2, self.meter.beats))) * self.meter.steps_per_beat
                )
                self._fill(first, max(fill_from, 0))
            if bar == 0 and section.kind in ("chorus", "outro"):
                self._hit(first, "crash", 0.8 * loud)
            for drum in self.drums:
                if drum in silent:
                    continue
                for step, symbol, _ in _events(self.drums[drum]):
                    chance = rng.random()
                    if step >= fill_from or (symbol == "o" and chance < 0.5) or chance < 0.02:
                        continue
                    level = {"X": 1.0, "x": 0.75, "o": 0.4}[symbol]
                    self._hit(first + step, drum, level * loud)
            if "kick" in self.drums and "kick" not in silent and rng.random() < 0.2:
                self._hit(first + 2 * int(rng.integers(1, steps // 2)), "kick", 0.6 * loud)

    def _fill(self, first: int, start: int) -> None:
        drums = [drum for drum in ("snare", "tom", "conga", "clap", "brush") if drum in self.drums] + ["tom"]
        for step in range(start, self.meter.steps):
            if self.rng.random() < 0.75:
                drum = drums[int(self.rng.integers(len(drums)))]
                self._hit(first + step, drum, 0.5 + 0.5 * (step - start) / max(1, self.meter.steps - start))

    def _hit(self, step: int, drum: str, velocity: float) -> None:
        start = max(0.0, self._at(step) + float(self.rng.normal(0.0, 0.004)))
        self.strokes.append(Stroke(start, drum, velocity * float(self.rng.uniform(0.75, 1.0))))

    def _last_chord(self) -> None:
        step = self.n_bars * self.meter.steps
        held = 1.6 / self.step_s
        for midi in voicing(self.key, 0, max(3, self.style.chord_size), _CENTRES["chords"], ()):
            self._play("chords", step, held, midi, 0.9)
        self._play("bass", step, held, self._bass_pitch(0), 0.9)
        self._hit(step, "crash", 0.8)
        self._hit(step, "kick", 0.9)


def write_score(rng: np.random.Generator, style: Style, duration_s: float | None = None) -> Score:
    """Compose a song.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of every choice.
    style : Style
    duration_s : float > 0, optional
        Exact length in seconds; the form is repeated or cut to fit. Default: 60 to 90 s, with an ending.

    Returns
    -------
    Score
    """
    return _Composer(rng, style, duration_s).compose()
