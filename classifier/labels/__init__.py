"""Genre, mood and tags: what is heard in a recording, apart from which recording it is."""
