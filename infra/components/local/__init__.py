"""The target that is this machine: processes on loopback."""
