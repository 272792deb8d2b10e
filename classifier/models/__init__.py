"""What is stored of a track and made of a snippet: both halves joined, and the background they start from."""
