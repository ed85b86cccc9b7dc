"""The verbs of `ml`, by what they are about."""
