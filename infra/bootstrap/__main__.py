"""Bootstrap: what must be there before the rest, once, by someone with more rights than the rest takes."""

import os

from components import stack

# Nothing here runs the image, and before its first push there is none to name.
os.environ.setdefault("IMAGE", f"none@sha256:{'0' * 64}")
with stack.told():
    bootstrap, arguments = stack.part("bootstrap")
    stack.export(bootstrap(arguments))
