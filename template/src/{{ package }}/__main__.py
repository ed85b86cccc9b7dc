"""`python -m` form of the command line."""

from .cli import main

main()
