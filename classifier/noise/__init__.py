"""Noise made from a seed; no recording is involved."""
