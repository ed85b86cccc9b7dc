"""For all tests."""

import os

# Before any library reads it: with threads, scikit-learn's trees wait for each other on busy cores (20 s became 66).
os.environ.setdefault("OMP_NUM_THREADS", "1")
