"""Bring an environment up or down, look at it, or read its outputs.

make infra-bootstrap|infra-preview|infra-up|infra-down|infra-outputs|infra-secret|infra-job|env ENV=dev
"""

import argparse
import json
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from getpass import getpass
from pathlib import Path
from typing import Any

from components import config, contract, ending, words
from components import pulumi_command as pulumi
from components.engine import EngineError

HERE = Path(__file__).resolve().parent
OPTIONS = ("--refresh", "--skip-preview", "--yes")
LASTING = ("bootstrap", "up", "secret")
"""Commands that make what the next one has to find."""
BOOTSTRAP, *PROGRAMS = config.PROGRAMS


def bootstrap(environment: pulumi.Environment, arguments: list[str]) -> None:
    """What must be there before the rest, and takes more rights than it."""
    if BOOTSTRAP in config.programs(environment.target):
        environment.create(BOOTSTRAP)
        environment.run(BOOTSTRAP, "up", *OPTIONS, *arguments)
    backend = environment.variables["PULUMI_BACKEND_URL"]
    alone = " Only this machine has it; for a team: infra/README.md, State." if backend.startswith("file://") else ""
    print(f"\nState: {backend}.{alone}")


def _lacks_bootstrap(environment: pulumi.Environment) -> bool:
    """Whether the target has a bootstrap that never came to its end."""
    has = BOOTSTRAP in config.programs(environment.target)
    return has and not (environment.exists(BOOTSTRAP) and environment.outputs(BOOTSTRAP))


def preview(environment: pulumi.Environment, arguments: list[str]) -> None:
    """What `up` would do, and what is refused. With --expect-no-changes: exit code 3 when it would do something."""
    changes = None
    for program in (BOOTSTRAP, *PROGRAMS) if _lacks_bootstrap(environment) else PROGRAMS:
        environment.create(program)
        try:
            environment.run(program, "preview", "--diff", *arguments)
        except words.ChangesError as error:
            changes = error
        except words.RefusedError:
            continue  # all of them are told at the end
    (environment.home / "preview.txt").write_text(environment.said)
    if refused := words.refusal(environment.said):
        raise words.RefusedError(refused)
    if changes:
        raise changes


def up(environment: pulumi.Environment, arguments: list[str]) -> None:
    """Make it so. What was killed or deleted since is found and made again."""
    try:
        if _lacks_bootstrap(environment):
            bootstrap(environment, arguments)
        _make(environment, (*OPTIONS, *arguments))
    except words.RefusedError:
        print("\nThe first that is refused stopped it; all of them:", file=sys.stderr)
        preview(environment, [])
        raise
    made = outputs_of(environment)
    if rollout := config.module(environment.target, "rollout"):
        rollout.wait(made.batch_queue, environment.file)
    print(f'\n{environment.name} is up. Its addresses as ML_* variables:  eval "$(make -s env ENV={environment.name})"')
    print(f"Service: {made.serving_url}   MLflow: {made.tracking_uri}")


def _make(environment: pulumi.Environment, options: tuple[str, ...]) -> None:
    if all(environment.exists(program) for program in PROGRAMS):
        _both(environment, options)
    else:
        for program in PROGRAMS:
            environment.create(program)
            environment.run(program, "up", *options)


def _both(environment: pulumi.Environment, options: tuple[str, ...]) -> None:
    """Both programs at once: most often neither changes. Serving again when what it stands on did."""
    platform, serving = PROGRAMS
    before = _stood_on(environment)
    with ThreadPoolExecutor() as pool:
        second = pool.submit(environment.run, serving, "up", *options, show=False)
        environment.run(platform, "up", *options)
        failed = second.exception()
    if _stood_on(environment) != before:
        environment.run(serving, "up", *options)
    elif failed:
        raise failed
    else:
        print(second.result(), end="")


def _stood_on(environment: pulumi.Environment) -> dict[str, Any]:
    """The platform's outputs that serving reads; the image it is told itself."""
    return {key: value for key, value in environment.outputs(PROGRAMS[0]).items() if key != "image"}


def down(environment: pulumi.Environment, arguments: list[str]) -> None:
    ending.down(environment, arguments, OPTIONS)


def outputs(environment: pulumi.Environment, arguments: list[str]) -> None:
    """The output contract, for people or as JSON."""
    made = asdict(outputs_of(environment))
    if "--json" in arguments:
        print(json.dumps(made, indent=2))
        return
    for key, value in made.items():
        print(f"{key:20} {value or '-'}")


def env(environment: pulumi.Environment, arguments: list[str]) -> None:
    """The variables for a shell: eval "$(make -s env ENV=dev)"."""
    for name, value in outputs_of(environment).environment().items():
        print(f"export {name}={shlex.quote(value)}")


def job(environment: pulumi.Environment, arguments: list[str]) -> int:
    """Run `ml ARGUMENTS` inside the environment; its exit code."""
    name, inside = environment.name, config.module(environment.target, "job")
    if not inside:
        raise words.InfraError(f'{name} is on this machine; take its addresses: eval "$(make -s env ENV={name})"')
    return int(inside.run(outputs_of(environment).batch_queue, arguments, environment.file))


def secret(environment: pulumi.Environment, arguments: list[str]) -> None:
    """Write a secret key, encrypted, to the stack file. Its value is asked for, or read from standard input."""
    file = environment.file
    key = config.secret(file, *arguments[:1] or [""])
    value = (getpass(f"{key}: ") if sys.stdin.isatty() else sys.stdin.read()).strip()
    if not value:
        raise words.InfraError(f"No value came for {key}; type it, or hand it in: make infra-secret ... <FILE")
    environment.hide(key, value)
    print(f"{key} is in infra/{file.name}, encrypted; commit it.")


def _keep_image(environment: pulumi.Environment) -> None:
    """What runs goes on: previews and the look for drift come without a push."""
    platform, _ = PROGRAMS
    if environment.exists(platform) and (running := environment.outputs(platform).get("image")):
        environment.variables["IMAGE"] = running


def outputs_of(environment: pulumi.Environment) -> contract.Outputs:
    try:
        return contract.outputs(environment.outputs("serving"))
    except ValueError as error:
        raise words.InfraError(
            f"{environment.name}: {error}; bring it up: make infra-up ENV={environment.name}"
        ) from None


COMMANDS = {command.__name__: command for command in (bootstrap, preview, up, down, outputs, env, secret, job)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("environment", help="dev, staging or production")
    parsed, more = parser.parse_known_args()
    try:
        file = HERE / f"Pulumi.{parsed.environment}.yaml"
        # What a file lacks, the command that completes it need not find there.
        whole = parsed.command == "secret" or config.check(file, parsed.environment)
        environment = pulumi.environment(
            parsed.environment, config.target(file), HERE, lasting=parsed.command in LASTING
        )
        if not whole or (parsed.command == "preview" and not config.names_image(file)):
            _keep_image(environment)
        return COMMANDS[parsed.command](environment, more) or 0
    except (config.ConfigError, EngineError, words.InfraError) as error:
        print(f"infra: {error}", file=sys.stderr)
        return error.code if isinstance(error, words.InfraError) else 2
    except OSError as error:
        if not (sentence := words.of_disk(error)):
            raise
        print(f"infra: {sentence}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("infra: interrupted; run the same command again and it goes on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
