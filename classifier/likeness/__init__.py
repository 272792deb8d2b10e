"""What sounds alike: tracks compared as wholes, whatever the order of their sounds, and a map of them."""
