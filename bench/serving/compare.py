"""One model, three servers, one core each in turn: this project's service, plain FastAPI, MLflow's scoring server.

In a generated project, with wrk installed:  uv run python TEMPLATE/bench/serving/compare.py [--folder DIR] [--out FILE]

All three must give scikit-learn's probabilities to 1e-6 before anything is measured. Servers run on core 0, the load
on core 1; rounds are interleaved, so that whatever else the machine does falls on all of them; figures are medians.
"""

import argparse
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
TOLERANCE = 1e-6


class Server(NamedTuple):
    """A running server: its address, its process group, and seconds from its start to its first answer."""

    url: str
    group: int
    cold: float


class Load(NamedTuple):
    rate: float
    p50: float
    p99: float
    micros: float
    """Of processor time that the server spent per request; hardly moved by other programs."""


def commands(folder: Path) -> dict[str, tuple[int, list[str], dict[str, str]]]:
    """Port, command and environment by server."""
    home, port = folder / "home", 9301
    slipway = {"ML_HOME": str(home), "ML_CONTRACT": str(home / "contract.yaml"), "ML_PORT": str(port)}
    plain = ["uvicorn", "--app-dir", str(HERE / "peers"), "plain:app", "--port", str(port + 1), "--no-access-log"]
    mlflow = ["mlflow", "models", "serve", "-m", str(folder / "mlflow"), "-p", str(port + 2), "-w", "1"]
    return {
        "MLflow": (port + 2, [*mlflow, "--env-manager", "local"], {"MLFLOW_DISABLE_TELEMETRY": "true"}),
        "plain FastAPI": (port + 1, plain, {"MODEL": str(folder / "model.joblib"), "PYTHONPATH": str(HERE)}),
        "Slipway": (port, ["ml", "serve"], slipway),
    }


@contextmanager
def running(folder: Path, name: str) -> Iterator[Server]:
    port, command, environment = commands(folder)[name]
    url = f"http://127.0.0.1:{port}/invocations"
    body = (folder / "bodies-1.jsonl").read_text().splitlines()[0].encode()
    full = ["taskset", "-c", "0", str(BIN / command[0]), *command[1:]]
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    with (folder / f"{name}.log").open("w") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            full,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PATH": path} | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while ask(url, body) is None:
            if process.poll() is not None or time.perf_counter() - started > 120:
                raise SystemExit(f"{name} did not start; see {log.name}.")
            time.sleep(0.02)
        yield Server(url, process.pid, time.perf_counter() - started)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def ask(url: str, body: bytes) -> list[float] | None:
    """The predictions, or None when nobody answers yet."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            predictions = json.load(response)["predictions"]
    except (urllib.error.URLError, ConnectionError):
        return None
    return [row[1] if isinstance(row, list) else row for row in predictions]


def check(folder: Path, name: str, server: Server) -> float:
    """Largest difference from scikit-learn's probabilities over the 1,000 rows of the larger bodies."""
    expected = json.loads((folder / "expected.json").read_text())
    bodies = (folder / "bodies-100.jsonl").read_text().splitlines()
    found = [value for body in bodies for value in ask(server.url, body.encode()) or []]
    worst = max(abs(a - b) for a, b in zip(found, expected, strict=True))
    if worst > TOLERANCE:
        raise SystemExit(f"{name} differs from scikit-learn by {worst:.1e}.")
    return worst


def load(server: Server, bodies: Path, connections: int, seconds: int) -> Load:
    """Raises SystemExit when any request failed."""
    before = processor_seconds(server.group)
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    said = subprocess.run(
        [*command, "-s", str(HERE / "post.lua"), server.url],
        env=os.environ | {"BODIES": str(bodies)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"JSON({.*})", said)
    result: dict[str, int] = json.loads(found[1]) if found else {"failed": 1}
    if result["failed"]:
        raise SystemExit(f"{server.url}: {result['failed']} requests failed under load.")
    count = result["requests"]
    micros = (processor_seconds(server.group) - before) / count * 1e6
    return Load(count / result["micros"] * 1e6, result["p50"] / 1e3, result["p99"] / 1e3, micros)


def processor_seconds(group: int) -> float:
    """User and system time of every process of a group."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measured(folder: Path, cases: list[tuple[int, int]], rounds: int, seconds: int) -> dict[str, Any]:
    """Medians for every server and every (rows, connections)."""
    result: dict[str, Any] = {}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running(folder, name)) for name in commands(folder)}
        for name, server in servers.items():
            result[name] = {"cold_s": round(server.cold, 2), "difference": check(folder, name, server)}
        for rows, connections in cases:
            loads: dict[str, list[Load]] = {name: [] for name in servers}
            for _ in range(rounds):
                for name, server in servers.items():
                    loads[name].append(load(server, folder / f"bodies-{rows}.jsonl", connections, seconds))
            for name, several in loads.items():
                medians = [round(statistics.median(values), 2) for values in zip(*several, strict=True)]
                result[name][f"{rows}x{connections}"] = dict(zip(Load._fields, medians, strict=True))
    return result


def table(result: dict[str, Any], cases: list[tuple[int, int]]) -> str:
    """Markdown: per case, requests per second, how many times MLflow's, p50 and p99, processor time per request."""
    lines = [
        "| rows, connections | server | req/s | x MLflow | p50 ms | p99 ms | CPU us/req |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for rows, connections in cases:
        base = result["MLflow"][f"{rows}x{connections}"]["rate"]
        for name, found in result.items():
            o = found[f"{rows}x{connections}"]
            figures = (
                f"{o['rate']:,.0f} | {o['rate'] / base:.1f} | {o['p50']:.2f} | {o['p99']:.2f} | {o['micros']:,.0f}"
            )
            lines.append(f"| {rows}, {connections} | {name} | {figures} |")
    cold = ", ".join(f"{name} {found['cold_s']:.1f} s" for name, found in result.items())
    worst = ", ".join(f"{name} {found['difference']:.0e}" for name, found in result.items())
    return "\n".join([*lines, "", f"Start to first answer: {cold}. Largest difference from scikit-learn: {worst}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, default=Path("var/bench"), help="where the models lie, made on first use"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    parser.add_argument("--cases", default="1x1,1x64,100x16", help="rows x connections")
    parser.add_argument("--out", type=Path, help="write all figures as JSON")
    given = parser.parse_args()
    folder = given.folder.resolve()
    cases = [(int(rows), int(count)) for rows, count in (case.split("x") for case in given.cases.split(","))]
    if not (folder / "home" / "contract.yaml").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, str(HERE / "publish.py"), str(folder)], check=True)
    result = measured(folder, cases, given.rounds, given.seconds)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print(table(result, cases))
    if given.out:
        given.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
