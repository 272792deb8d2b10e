"""The HTTP service; ``application.py`` is the map of it. Importing this package alone loads nothing."""
