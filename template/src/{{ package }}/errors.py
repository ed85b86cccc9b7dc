"""What can go wrong that is not a bug. The command line prints the sentence and exits with the code."""


class ProjectError(Exception):
    """Bad input or a failing surrounding. The message names the file, key, row or field and what to do."""

    exit_code = 2


class ContractError(ProjectError):
    """The contract, or data held against it, is wrong."""


class StoreError(ProjectError):
    """The store cannot be read or written."""


class ConflictError(ProjectError):
    """Somebody else changed the same thing first; nothing was changed here."""


class IntegrityError(ProjectError):
    """A bundle's files or signature do not match what was registered."""


class Refused(ProjectError):
    """A check said no: the gate rejected, the quarantine limit was passed, a monitor raised its alarm."""

    exit_code = 3


def first_line(error: BaseException) -> str:
    """What a library says, for a sentence to go on with."""
    return str(error).strip().split("\n", 1)[0].rstrip(".")
