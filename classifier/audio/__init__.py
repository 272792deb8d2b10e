"""Decoding: any audio file to mono samples, in a fenced child process; resampling and level."""
