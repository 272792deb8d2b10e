"""Noise synthesised from a seed, without any recording."""
