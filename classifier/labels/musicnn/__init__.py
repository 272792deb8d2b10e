"""The tagging network MSD_musicnn (Pons and Serra 2019): from its authors' package to an answer, in NumPy alone."""
