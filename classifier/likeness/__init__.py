"""What sounds alike: tracks compared as wholes, whatever their order, and a map of them; windows within one track."""
