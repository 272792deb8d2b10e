"""Experiments: how well a catalogue answers recordings whose track is known, and how that depends on its parameters."""
