"""Models of labels: what they consist of, how they lie on disk, and how they score, in NumPy alone."""
