"""Time generation and a project's first day: medians over several runs.

    make bench            or: tools/uv run python bench/generation.py [--runs N] [--loop]

Generation is `copier copy --defaults` from a clone at HEAD, as a user runs it. With --loop a project is set up and its
loop played once: seconds to the first served prediction and to the end, from var/loop.json.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def generation(runs: int) -> list[float]:
    """Seconds of each run, the process's start included."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        for run in range(runs + 1):
            command = [str(Path(sys.executable).parent / "copier"), "copy", "--defaults", "--quiet", str(clone)]
            started = time.perf_counter()
            subprocess.run([*command, str(Path(folder) / f"project-{run}")], check=True, capture_output=True)
            seconds.append(time.perf_counter() - started)
    return seconds[1:]  # the first one warms the disk


def loop() -> dict[str, float]:
    """Seconds from the loop's start."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        copier = [str(Path(sys.executable).parent / "copier"), "copy", "--defaults", "--quiet", str(ROOT), str(project)]
        subprocess.run(copier, check=True, capture_output=True)
        subprocess.run(["make", "setup"], cwd=project, check=True, capture_output=True)
        started = time.perf_counter()
        subprocess.run(["make", "loop"], cwd=project, check=True, capture_output=True)
        whole = time.perf_counter() - started
        events = {event["name"]: event for event in json.loads((project / "var" / "loop.json").read_text())}
        first = events["promote_live"]["evidence"]["first_prediction_at"]
    return {"first prediction": first, "make loop": whole}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time generation and the loop.")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--loop", action="store_true", help="also set up a project and play its loop")
    arguments = parser.parse_args()
    seconds = generation(arguments.runs)
    median, worst = statistics.median(seconds), max(seconds)
    print(f"generation: median {median:.2f} s, slowest {worst:.2f} s, {arguments.runs} runs")
    if arguments.loop:
        for name, value in loop().items():
            print(f"{name}: {value:.1f} s")


if __name__ == "__main__":
    main()
