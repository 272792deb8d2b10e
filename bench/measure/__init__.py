"""Programs that measure: accuracy, speed, growth and load."""
