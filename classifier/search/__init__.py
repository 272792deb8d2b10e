"""Finding a snippet among tracks: index, divergence, alignment, and the pipeline that joins them."""
