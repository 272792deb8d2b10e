"""What Earmark stores: catalogues, tracks, tags, keys and more, as documents of a store."""
