"""The fingerprint half: bits, their reliability and their agreement, as pure functions."""
