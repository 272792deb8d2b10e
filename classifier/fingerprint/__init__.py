"""The fingerprint half: bits, how far each can be trusted, and agreement, as pure functions."""
