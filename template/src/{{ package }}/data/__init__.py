"""Data: collect -> validate (bad rows to quarantine, with the reason) -> versioned tables."""
