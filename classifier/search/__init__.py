"""Finding a snippet among tracks: ranking, alignment, significance, and the pipeline that joins them."""
