"""Benchmarks of Earmark: corpus, degradations, queries, peers, and the programs that measure with them."""
