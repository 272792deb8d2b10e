"""Decoding: any audio file to mono samples, in a sandboxed child process; resampling and level."""
