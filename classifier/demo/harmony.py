"""Keys, chords and progressions.

Conventions: pitches are MIDI numbers, scale degrees count from 0 (the tonic) and run on over octaves, a chord is
named by the degree of its root and built by stacking thirds of the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

TONICS = ("C", "D flat", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
# Chord roots by degree; none needs the mode's diminished triad.
PROGRESSIONS = {
    "major": ("0453", "0534", "5304", "0314", "0234", "0304", "3425", "0134", "0514", "3045", "0253", "05130443"),
    "minor": ("0526", "0362", "0656", "0340", "0534", "5600", "0263", "0635", "0634", "03625340"),
    "dorian": ("0306", "0360", "0123", "0633", "0236", "0063", "03020630"),
    "mixolydian": ("0630", "0363", "0463", "0603", "3600", "0134", "06340633"),
    "lydian": ("0101", "0154", "0415", "5104", "0514", "01540161"),
    "phrygian": ("0106", "0121", "0510", "3100", "0216", "01060521"),
}
_DIMINISHED = {"major": 6, "minor": 1, "dorian": 5, "mixolydian": 2, "lydian": 3, "phrygian": 4}


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (pitch class, 0 is C) and a mode of ``SCALES``."""

    tonic: int
    mode: str

    def __str__(self) -> str:
        """Return the key's name, as in ``"D dorian"``."""
        return f"{TONICS[self.tonic]} {self.mode}"

    def pitch(self, degree: int) -> int:
        """Return the MIDI pitch of a scale degree; degree 0 is the tonic in the octave of middle C (60 to 71)."""
        octave, step = divmod(degree, 7)
        return 60 + self.tonic + 12 * octave + SCALES[self.mode][step]

    def chord(self, root: int, size: int) -> tuple[int, ...]:
        """Return the degrees of the chord on ``root``: 2 is a fifth, 3 a triad, 4 a seventh chord, 5 a ninth."""
        stack = (0, 4) if size == 2 else (0, 2, 4, 6, 8)[:size]
        return tuple(root + third for third in stack)

    def substitute(self, root: int) -> int:
        """Return the root a third below, whose chord shares two notes and may stand in."""
        other = (root - 2) % 7
        return root if other == _DIMINISHED[self.mode] else other


def voicing(key: Key, root: int, size: int, centre: float, previous: tuple[int, ...]) -> tuple[int, ...]:
    """Place a chord's notes near ``centre`` (MIDI) so that the voices move little from ``previous``.

    Returns
    -------
    tuple of int
        MIDI pitches, rising.
    """
    classes = [key.pitch(degree) % 12 for degree in key.chord(root, size)]
    close, wide = classes[:4], classes[4:]  # a ninth goes an octave up: packed within an octave the chord is a cluster
    options = []
    for lowest in range(round(centre) - 9, round(centre) + 1):
        if lowest % 12 in close:
            notes = [lowest + (pitch_class - lowest) % 12 for pitch_class in close]
            options.append(tuple(sorted(notes + [lowest + 12 + (pitch_class - lowest) % 12 for pitch_class in wide])))

    def cost(notes: tuple[int, ...]) -> float:
        away = abs(sum(notes) / len(notes) - centre)
        moved = sum(min(abs(note - old) for old in previous) for note in notes) if previous else 0.0
        return away + moved

    return min(options, key=cost)
