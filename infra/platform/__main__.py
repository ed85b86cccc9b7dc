"""The platform: storage, tracking and registry, online features. Slow to change, and what serving stands on."""

from components import stack

with stack.told():
    platform, arguments = stack.part("platform")
    stack.export(platform(arguments))
