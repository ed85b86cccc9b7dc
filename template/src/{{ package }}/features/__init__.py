"""Features: views, their point-in-time values for training and their latest values online."""
