"""What Earmark stores: catalogues, tracks, tags, keys and more, as records in a document store."""
