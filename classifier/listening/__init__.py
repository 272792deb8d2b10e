"""Hours of sound: one streaming engine, samples in and revised segments out, and what surrounds it."""
