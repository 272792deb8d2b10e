"""Training and judging models of labels: here alone is scikit-learn known, and imported only when it is used."""
