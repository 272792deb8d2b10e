"""What a model of labels says of a recording, how sure it is, and why."""
