"""The Pulumi engine: the one on PATH, an official release, or one built here from its published Go modules.

make engine            or: python -m components.engine     prints the folder that holds `pulumi`
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLOOR = (3, 259, 0)
"""The oldest engine the programs were run with."""
CLI, HOST = "v3.259.0", "v3.76.1"
"""What is built: the newest CLI, and the newest Python host, whose modules are served by tag."""
PINS = Path(__file__).resolve().parent.parent / "engine"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


class EngineError(Exception):
    """There is no engine; the message says what helps."""


def cache() -> Path:
    """Where this user's engines are."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "slipway" / "engine"


def find() -> Path | None:
    """The folder of a usable engine, or None. One that is not our own build is asked for its version."""
    known = [Path(found).parent] if (found := shutil.which("pulumi")) else []
    for folder in [*known, _installed() / "bin"]:
        if new_enough(folder):
            return folder
    return _built() if (_built() / "pulumi").exists() else None


def new_enough(folder: Path) -> bool:
    """Whether the folder holds a `pulumi` of at least FLOOR."""
    command = folder / "pulumi"
    if not os.access(command, os.X_OK):
        return False
    said = subprocess.run([str(command), "version"], capture_output=True, text=True, env=quiet()).stdout
    numbers = re.match(r"v(\d+)\.(\d+)\.(\d+)", said)
    return bool(numbers) and tuple(map(int, numbers.groups())) >= FLOOR


def provide() -> Path:
    """A usable engine, fetched or built when there is none. Raises EngineError."""
    if folder := find():
        return folder
    cache().mkdir(parents=True, exist_ok=True)
    say(f"no Pulumi {'.'.join(map(str, FLOOR))} or newer on PATH; fetching the official release ...")
    if install():
        return _installed() / "bin"
    if not shutil.which("go"):
        raise EngineError(
            "The Pulumi release could not be fetched, and without Go it cannot be built. Install Pulumi "
            "(brew install pulumi, or its install script), or Go 1.26 or newer, and run make engine again."
        )
    return build()


def install() -> bool:
    """Pulumi's own installer, into this user's cache. False where the download is out of reach."""
    from pulumi.automation import PulumiCommand

    try:
        PulumiCommand.install(root=str(_installed()))
    except Exception as error:  # whatever the installer's script or the network says: the next way is tried
        say(f"that did not work ({(str(error).splitlines() or [type(error).__name__])[0][:120]}).")
        return False
    return new_enough(_installed() / "bin")


def build() -> Path:
    """The pinned engine from its Go modules; about seven minutes on two cores, once. Raises EngineError."""
    say(f"building Pulumi {CLI} from its Go modules: about seven minutes, once for this user ...")
    with tempfile.TemporaryDirectory(prefix="engine-", dir=cache()) as work:
        made = Path(work) / "bin"
        _go_build("cli", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", CLI, made / "pulumi")
        say("built the CLI; now the Python host ...")
        name = "pulumi-language-python"
        _go_build("host", f"github.com/pulumi/pulumi/sdk/v3/python/cmd/{name}", HOST, made / name)
        sdk = Path(_go("cli", "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3").strip())
        for script in (f"python/cmd/{name}-exec", "python/dist/pulumi-resource-pulumi-python"):
            shutil.copyfile(sdk / script, made / Path(script).name)
            (made / Path(script).name).chmod(0o755)
        if not new_enough(made):
            raise EngineError(f"The engine that was built does not say it is {CLI}; look at infra/engine.")
        if not _built().exists():
            made.rename(_built())
    return _built()


def quiet() -> dict[str, str]:
    """The environment without what makes Pulumi ask the network or a person."""
    return os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true", "NO_COLOR": "1"}


def say(sentence: str) -> None:
    print(f"engine: {sentence}", file=sys.stderr, flush=True)


def _installed() -> Path:
    return cache() / "release"


def _built() -> Path:
    return cache() / f"{CLI}-{HOST}"


def _go_build(module: str, package: str, version: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = f"-s -w -X {VERSION_VARIABLE}={version}"
    _go(module, "build", "-trimpath", "-tags", "osusergo grpcnotrace", "-ldflags", flags, "-o", str(target), package)


def _go(module: str, *arguments: str) -> str:
    ended = subprocess.run(
        ["go", *arguments], cwd=PINS / module, env=os.environ | {"CGO_ENABLED": "0"}, stdout=subprocess.PIPE, text=True
    )
    if ended.returncode:
        raise EngineError(f"`go {arguments[0]}` failed in infra/engine/{module}; its words are above.")
    return ended.stdout


if __name__ == "__main__":
    try:
        print(provide())
    except EngineError as error:
        print(f"engine: {error}", file=sys.stderr)
        sys.exit(2)
