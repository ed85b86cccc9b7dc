"""A cluster with the project's stacks on it, as its users handle them: infra commands, kubectl, requests."""

import base64
import http.client
import json
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.clusters import Cluster
from tests.projects import QUIET, tail

ENVIRONMENT = "dev"
VERSION = "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8080/version').read().decode())"


@dataclass
class Lab:
    """One project and one namespace of a cluster. settings: what Pulumi.dev.yaml says beside the target."""

    cluster: Cluster
    project: Path
    home: Path
    settings: dict[str, Any]
    namespace: str = "departures-dev"
    next_image: str = ""
    """The same image under another name: a new version, as far as the cluster knows."""
    row: dict[str, Any] = field(default_factory=dict)
    """A row to ask with."""

    def start(self, verb: str, *words: str, **settings: Any) -> subprocess.Popen[str]:
        """Start an infra command with the settings changed."""
        infra = self.project / "infra"
        config = {
            "ml:target": "kubernetes",
            **{f"ml:{key}": value for key, value in (self.settings | settings).items()},
        }
        (infra / f"Pulumi.{ENVIRONMENT}.yaml").write_text(yaml.safe_dump({"config": config}))
        command = [str(infra / ".venv" / "bin" / "python"), str(infra / "environment.py"), verb, ENVIRONMENT, *words]
        return subprocess.Popen(
            command, env=self.variables(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def variables(self) -> dict[str, str]:
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("VIRTUAL_ENV", "ML_", "PULUMI")) and key not in ("CI", "TF_BUILD")
        }
        return inherited | QUIET | {"PULUMI_HOME": str(self.home), "KUBECONFIG": str(self.cluster.kubeconfig)}

    def make(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *words],
            cwd=self.project,
            env=self.variables() | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def login(self, account: str, file: Path) -> str:
        """A kubeconfig for a ServiceAccount of the namespace, by a token of an hour."""
        config = yaml.safe_load(self.cluster.kubeconfig.read_text())
        token = self.kubectl("create", "token", account).strip()
        for user in config["users"]:
            user["user"] = {"token": token}
        file.write_text(yaml.safe_dump(config))
        return str(file)

    def infra(self, verb: str, *words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        with self.start(verb, *words, **settings) as process:
            said, errors = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, said, errors)

    def done(self, verb: str, *words: str, **settings: Any) -> str:
        ended = self.infra(verb, *words, **settings)
        assert ended.returncode == 0, tail(ended)
        return ended.stdout

    def refused(self, verb: str, **settings: Any) -> str:
        """The one sentence of a command that ends with exit code 2 and no traceback."""
        ended = self.infra(verb, **settings)
        assert ended.returncode == 2, tail(ended)
        assert "Traceback" not in ended.stdout + ended.stderr
        [sentence] = [line for line in ended.stderr.splitlines() if line.startswith("infra:")]
        return sentence

    def kubectl(self, *words: str, text: str | None = None) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *words, text=text)

    def orphans(self) -> set[str]:
        """Objects in the namespace that no stack knows."""
        states = (self.project / "var" / "infra" / "state").glob(f".pulumi/stacks/*/{ENVIRONMENT}.json")
        resources = [
            each for state in states for each in json.loads(state.read_text())["checkpoint"]["latest"]["resources"]
        ]
        known = {f"{each['type'].split(':')[-1]}/{each['id']}" for each in resources if each.get("id")}
        kinds = {name.split("/")[0] for name in known if f"/{self.namespace}/" in name}
        there = [
            each for each in self.get(",".join(sorted(kinds)))["items"] if "ownerReferences" not in each["metadata"]
        ]
        found = {f"{each['kind']}/{self.namespace}/{each['metadata']['name']}" for each in there}
        return found - known - {f"ServiceAccount/{self.namespace}/default"}

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "--output", "json"))

    def run(self, job: str, *args: str, seconds: int = 240, **environment: str) -> str:
        """Start a CronJob's job now, as CI does; what its pod said. args: other ones for its last container."""
        name = f"{job}-{time.monotonic_ns() % 10**9}"
        made = json.loads(
            self.kubectl("create", "job", f"--from=cronjob/{job}", name, "--dry-run=client", "-o", "json")
        )
        pod = made["spec"]["template"]["spec"]
        for container in (*pod.get("initContainers", []), *pod["containers"]):
            container["env"] += [{"name": key, "value": value} for key, value in environment.items()]
        pod["containers"][-1]["args"] = list(args) or pod["containers"][-1]["args"]
        self.kubectl("create", "--filename", "-", text=json.dumps(made))
        until(lambda: self._ended(name), seconds, f"job {name}")
        said = self.kubectl("logs", f"job/{name}", "--all-containers")
        assert self._ended(name) == "Complete", said
        return said

    def _ended(self, name: str) -> str:
        found = self.get("job", name).get("status", {}).get("conditions", [])
        return next(
            (each["type"] for each in found if each["status"] == "True" and each["type"] in ("Complete", "Failed")), ""
        )

    def pods(self) -> list[dict[str, Any]]:
        """Serving pods that are not leaving."""
        found = self.get("pods", "--selector", "app.kubernetes.io/name=serving")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self) -> list[str]:
        """Names of the serving pods that answer."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods()
            if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
        ]

    def kill(self, pod: str) -> None:
        """End a pod's container from the node, as when memory runs out: nothing is asked, nothing is waited for."""
        [status] = self.get("pod", pod)["status"]["containerStatuses"]
        self.cluster.kill(status["containerID"].removeprefix("containerd://"))

    def secret(self, key: str) -> str:
        [held] = [each for each in self.get("secrets")["items"] if key in each["data"]]
        return base64.b64decode(held["data"][key]).decode()

    def address(self) -> str:
        return str(self.get("service", "serving")["spec"]["clusterIP"])

    def python(self, code: str, pod: str = "") -> str:
        """Run a program in a serving pod."""
        # A thread of Arrow's may still want the interpreter when it ends, and aborts it after the last word.
        code += "\nimport os, sys; sys.stdout.flush(); os._exit(0)"
        return self.kubectl("exec", pod or self.ready()[0], "--", "python", "-c", code)

    def versions(self) -> list[str]:
        """Which model each serving pod answers with."""
        return [json.loads(self.python(VERSION, pod))["version"] for pod in self.ready()]

    @contextmanager
    def load(self, clients: int = 4) -> Iterator["Load"]:
        """Requests, one connection each, for as long as the block lasts."""
        load = Load(self.address(), self.secret("api-key"), self.row)
        threads = [threading.Thread(target=load.ask_on) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield load
        finally:
            load.ended.set()
            for thread in threads:
                thread.join()


@dataclass
class Load:
    """What was asked and answered. answered: request ids. versions: the model's of each answer."""

    host: str
    key: str
    row: dict[str, Any]
    answered: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def ask(self, rows: list[dict[str, Any]], request_id: str = "") -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json", "connection": "close"}
        headers |= {"x-request-id": request_id or uuid.uuid4().hex}
        connection.request("POST", "/invocations", json.dumps({"dataframe_records": rows}), headers)
        return connection.getresponse()

    def ask_on(self) -> None:
        while not self.ended.is_set():
            try:
                request_id = uuid.uuid4().hex
                answer = self.ask([self.row], request_id)
                said = answer.read()
                if answer.status == 200:
                    self.versions.append(json.loads(said)["model_version"])
                    self.answered.append(request_id)
                else:
                    self.failed.append(f"{answer.status} {said[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))


def until(found: Any, seconds: float, what: str) -> Any:
    """Ask again until the answer is true."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.5)
    return answer
