"""The engine's words for a person: what our own refusals say without their traces, and what to do about the rest."""

import errno
import re
from collections.abc import Iterable, Iterator

CHANGES = 3
"""Exit code when a preview that expects no changes finds some."""

TRACE = "Traceback (most recent call last):"
REFUSAL = "RuntimeError: "
"""What a provider of this library raises when a person can put it right; anything else is a bug with its trace."""

FULL = "The disk is full; free some space and run the command again."
SENTENCES = {
    r"no space left on device|disk quota exceeded|database or disk is full": FULL,
    r"no changes were expected": "There are changes, and none were expected; see them above.",
    r"incorrect passphrase": "The passphrase is not the one this environment was made with; restore "
    "var/infra/passphrase, or set PULUMI_CONFIG_PASSPHRASE.",
    r"the stack is currently locked": "Another command works on this environment; wait for it, or pulumi cancel.",
}
BROKEN = r"\[mandatory\]\s+([\w-]+)\s+\(\S*?: ([^)]*)\)"
"""A rule of policies/ and the resource that breaks it, in the engine's words."""
NEEDLESS = r"the history and configuration associated with the stack|run `pulumi stack rm"
"""What the engine advises after a destroy, and we do."""
VAIN = r"(update|preview|destroy|refresh) failed|Program failed|an unhandled error occurred"
"""Errors that only say that there was one."""
LOCKED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
"""What a system says of a place that is not ours to write."""


class InfraError(Exception):
    """What went wrong, in a sentence. code: 2 for what a person can put right, CHANGES, or 1."""

    def __init__(self, sentence: str, code: int = 2) -> None:
        super().__init__(sentence)
        self.code = code


class ChangesError(InfraError):
    """A preview that was to find no changes found some."""


class RefusedError(InfraError):
    """The policies refused something; it was not made."""


def readable(lines: Iterable[str]) -> Iterator[str]:
    """The lines without the trace of a refusal: only its sentence."""
    held: list[str] = []
    for line in lines:
        if held:
            held.append(line)
            if re.match(r"\s*[\w.]*(Error|Exception|Exit|Interrupt)\b", line):
                yield from [line] if REFUSAL in line else held
                held = []
        elif line.lstrip().startswith(f"error: {TRACE}"):
            held = [line]
        elif not re.search(NEEDLESS, line):
            yield line.replace(f"error: {TRACE}", "failed")
    yield from held


def error(said: str) -> InfraError:
    """What to raise when the engine said this and failed."""
    told = sentence(said)
    if "no changes were expected" in said:
        return ChangesError(told, CHANGES)
    if refusal(said):
        return RefusedError(told)
    return InfraError(told, 1 if is_bug(said) else 2)


def sentence(said: str) -> str:
    """What went wrong, of all the engine said."""
    if refused := refusal(said):
        return refused
    for pattern, told in SENTENCES.items():
        if re.search(pattern, said, re.IGNORECASE):
            return told
    if refusals := re.findall(rf"{REFUSAL}(.+)", said):
        return str(refusals[-1])
    errors = [found.strip() for found in re.findall(r"^\s*error:\s*(.+)$", said, re.MULTILINE)]
    useful = [error for error in errors if not re.match(VAIN, error)]
    last = said.strip().splitlines()[-1:] or ["the engine ended without a word"]
    return (useful or errors or last)[-1]


def refusal(said: str) -> str:
    """What the policies refuse, by the names of the rules and of the resources; "" when nothing."""
    broken = sorted({f"{rule} ({resource})" for rule, resource in re.findall(BROKEN, said)})
    return f"The policies refuse this: {', '.join(broken)}; see above, and infra/policies." if broken else ""


def of_disk(error: OSError) -> str | None:
    """What a person can do about an error of the file system; None where it is a bug."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FULL
    where = error.filename or "a file"
    return (
        f"{where} cannot be written: {error.strerror}; free it, or change its owner." if error.errno in LOCKED else None
    )


def is_bug(said: str) -> bool:
    """Whether a trace is left that is not a refusal's."""
    if any(re.search(pattern, said, re.IGNORECASE) for pattern in SENTENCES):
        return False
    return TRACE in "".join(readable(said.splitlines(keepends=True)))
