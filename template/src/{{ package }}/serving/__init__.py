"""Serving: the HTTP service, the scorer both lanes share, batch scoring, capture."""
