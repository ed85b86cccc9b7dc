"""Monitoring: quality, drift and performance of what was served, and the trigger that closes the loop."""
