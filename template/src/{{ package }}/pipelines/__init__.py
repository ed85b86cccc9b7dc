"""Pipelines: the steps every orchestrator, CI job and person runs, and the loop that plays them all."""
