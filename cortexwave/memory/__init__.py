"""What a wave holds of the past, and how it can be read."""
