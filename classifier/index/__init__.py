"""The search index: what matching needs of every track, in immutable memory-mapped segments."""
