"""Signatures as the JavaScript module computes them, against the Python original."""
