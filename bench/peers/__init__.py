"""Other identifiers, each run as a program of its own and never imported; :mod:`bench.measure.peers` asks them."""
