"""Models of tracks and snippets, which join both halves, and the background that models start from."""
