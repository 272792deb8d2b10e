"""The divergence half: features, Gaussian mixtures and symmetric KL divergence, as pure functions."""
