"""Serving: the service, and what runs by the clock. Puts out the contract that the application reads."""

from components import stack

with stack.told():
    serving, arguments = stack.part("serving")
    stack.export(serving(arguments, stack.platform()))
