"""The HTTP service. Start reading in ``application.py``. Importing this package alone loads nothing."""
