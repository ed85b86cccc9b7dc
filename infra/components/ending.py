"""Taking an environment away: what is protected stops it until it is confirmed, and stays; the rest is named."""

import os
import shutil

from . import config, words
from .pulumi_command import Environment

VOLUME = ":PersistentVolumeClaim"


def down(environment: Environment, arguments: list[str], options: tuple[str, ...]) -> None:
    """Take it away, the programs in reverse."""
    name = environment.name
    programs = [each for each in reversed(config.programs(environment.target)) if environment.exists(each)]
    made = {program: environment.resources(program) for program in programs}
    each_one = [each for resources in made.values() for each in resources]
    protected = [each["id"] for each in each_one if each.get("protect")]
    if protected and os.environ.get("CONFIRM") != name:
        raise words.InfraError(
            f"{name} holds {', '.join(protected)}; nothing was taken away. To leave that where it is, "
            f"and take away the rest: make infra-down ENV={name} CONFIRM={name}"
        )
    if lost := [each["id"] for each in each_one if each["type"].endswith(VOLUME) and not each.get("protect")]:
        print(f"Gone for good, with all that is in them: {', '.join(lost)}")
    for program in programs:
        if any(each.get("protect") for each in made[program]):
            environment.unprotect(program)
        environment.run(program, "destroy", *options, *arguments)
        environment.remove(program)
    shutil.rmtree(environment.home / name / "processes", ignore_errors=True)
    folder = environment.home / name / "data"
    if folder.exists():
        print(f"\n{name} is down. Kept: {folder} (objects, tracking database); remove it for a clean start.")
    elif protected:
        print(f"\n{name} is down. Kept: {', '.join(protected)} and the namespace; delete the namespace to lose them.")
    else:
        print(f"\n{name} is down; nothing is kept." if programs else f"{name} was not up; nothing to take away.")
