"""`ml ARGS` inside the cluster, asked for from outside: a job made from the CronJob `ml`, followed to its end."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from getpass import getuser
from pathlib import Path
from typing import Any

from ..words import InfraError
from .api import connected

PATIENCE = 600
"""Seconds a pod may take to start: its node, and its image, may have to come first."""
SILENCE = 60
"""Seconds without a word after which the connection is made anew, as it may be dead."""


def run(namespace: str, arguments: Sequence[str], stack: Path) -> int:
    """The exit code of `ml ARGUMENTS`; its words are shown as they come. Who is stopped takes the job along.

    stack: the environment's Pulumi file. Raises InfraError when the API server refuses, or no pod starts.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # how CI systems stop a stage
    with connected(namespace, stack) as api:
        return _Job(api, namespace, arguments).followed()


class _Job:
    def __init__(self, api: Any, namespace: str, arguments: Sequence[str]) -> None:
        from kubernetes import client

        self.batch, self.core, self.namespace = client.BatchV1Api(api), client.CoreV1Api(api), namespace
        template = self.batch.read_namespaced_cron_job("ml", namespace).spec.job_template
        [container] = template.spec.template.spec.containers
        container.args = list(arguments)
        # Whom records name.
        container.env = [each for each in container.env if each.name != "USER"]
        container.env.append(client.V1EnvVar(name="USER", value=_user()))
        meta = client.V1ObjectMeta(generate_name="ml-", labels=template.metadata.labels)
        made = self.batch.create_namespaced_job(namespace, client.V1Job(metadata=meta, spec=template.spec))
        self.name: str = made.metadata.name

    def followed(self) -> int:
        try:
            self._show(self._started())
            return self._ended()
        except BaseException:
            from kubernetes.client import ApiException
            from urllib3.exceptions import HTTPError

            with suppress(ApiException, HTTPError):
                self.batch.delete_namespaced_job(self.name, self.namespace, propagation_policy="Background")
            raise

    def _pod(self) -> Any:
        """The job's pod; None before there is one."""
        chosen = f"batch.kubernetes.io/job-name={self.name}"
        found = self.core.list_namespaced_pod(self.namespace, label_selector=chosen).items
        return found[0] if found else None

    def _started(self) -> str:
        """Wait until the pod's program runs or has run; the pod's name."""
        until, said = time.monotonic() + PATIENCE, ""
        while time.monotonic() < until:
            pod = self._pod()
            if pod and pod.status.phase != "Pending":
                return str(pod.metadata.name)
            if (why := _waiting(pod)) != said:
                said = why
                print(f"{self.namespace}/{self.name}: {said}", file=sys.stderr)
            time.sleep(0.5)
        raise InfraError(f"{self.namespace}/{self.name} did not start in {PATIENCE} s: {said}.")

    def _show(self, pod: str) -> None:
        """The program's words until it ends."""
        from urllib3.exceptions import HTTPError

        shown, running = 0, True
        while running:
            running = (found := self._pod()) is not None and found.status.phase == "Running"
            at = 0
            with suppress(HTTPError):
                words = self.core.read_namespaced_pod_log(
                    pod, self.namespace, follow=True, _preload_content=False, _request_timeout=(10, SILENCE)
                )
                for chunk in words.stream():
                    at += len(chunk)
                    if at > shown:  # what a connection before this one has brought is not shown twice
                        sys.stdout.buffer.write(chunk[shown - at :])
                        sys.stdout.flush()
                        shown = at

    def _ended(self) -> int:
        pod = self._pod()
        [status] = (pod and pod.status.container_statuses) or [None]
        if not (ended := status and status.state.terminated):
            raise InfraError(f"{self.namespace}/{self.name}: its pod was taken away before it ended.")
        if ended.reason == "OOMKilled":
            raise InfraError(f"{self.namespace}/{self.name} took more memory than ml:jobMemory gives it.")
        return int(ended.exit_code)


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):
        # In a runner's container the number may have no name.
        return f"uid-{os.getuid()}"


def _waiting(pod: Any) -> str:
    """Why a pod does not run yet."""
    if not pod:
        return "waits for a pod"
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status != "True":
            return f"waits for a node: {condition.message}"
    for status in pod.status.container_statuses or []:
        if (waiting := status.state.waiting) and waiting.reason != "ContainerCreating":
            return f"{waiting.reason}: {waiting.message or ''}".rstrip(": ")
    return "starts"
