"""The search index: what matching needs of every track, as immutable memory-mapped segments."""
