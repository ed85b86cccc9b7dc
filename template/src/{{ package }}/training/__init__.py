"""Training: split, fit, tune, evaluate, and the bundle that carries a model to serving."""
