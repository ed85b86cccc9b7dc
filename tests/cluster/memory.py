"""An API server that keeps what it is told and runs nothing: for what the commands do, where no pod is needed.

Jobs are complete and deployments rolled out at once. Whoever comes with the token `ci` may what the Roles `ci` and
`ci-settings` say.
"""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

KINDS = {
    "/api/v1": "Namespace Secret Service ServiceAccount PersistentVolumeClaim ResourceQuota LimitRange",
    "/apis/apps/v1": "Deployment",
    "/apis/batch/v1": "Job CronJob",
    "/apis/networking.k8s.io/v1": "NetworkPolicy",
    "/apis/rbac.authorization.k8s.io/v1": "Role RoleBinding",
    "/apis/autoscaling/v2": "HorizontalPodAutoscaler",
    "/apis/policy/v1": "PodDisruptionBudget",
}
NOTHING = "nothing"
VERBS = {"GET": "get", "PATCH": "patch", "DELETE": "delete"}
FIXED = {
    "/version": {"major": "1", "minor": "34"},
    "/apis": {"groups": [{"name": "metrics.k8s.io"}]},
}


@dataclass
class Memory:
    """objects: by path. failing: a job whose name has it fails. forbidden: what was refused, VERB PATH."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    failing: str = NOTHING
    forbidden: list[str] = field(default_factory=list)
    server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        memory = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                told = self.rfile.read(int(self.headers.get("content-length") or 0))
                path, _, query = self.path.partition("?")
                as_ci = self.headers.get("authorization") == "Bearer ci"
                status, said = memory.asked(VERBS[self.command], path, json.loads(told or "null"), query, as_ci)
                body = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PATCH = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kubeconfig(self, file: Path, token: str = "admin") -> Path:  # noqa: S107 - a name
        address = f"http://127.0.0.1:{self.server.server_port}"
        config = {
            "clusters": [{"name": "memory", "cluster": {"server": address}}],
            "users": [{"name": token, "user": {"token": token}}],
            "contexts": [{"name": "one", "context": {"cluster": "memory", "user": token}}],
            "current-context": "one",
        }
        file.write_text(yaml.safe_dump(config))
        return file

    def asked(self, verb: str, path: str, told: Any, query: str, as_ci: bool) -> tuple[int, Any]:
        if path in FIXED:
            return 200, FIXED[path]
        if path in KINDS:
            return 200, {"resources": [_resource(kind) for kind in KINDS[path].split()]}
        root = next((root for root in KINDS if path.startswith(f"{root}/")), "")
        if root and as_ci and not self._may(verb, root, path.removeprefix(f"{root}/").split("/")):
            self.forbidden.append(f"{verb} {path}")
            return 403, {"message": f"ci cannot {verb} {path}"}
        if path.endswith(("/pods", "/events", "/storageclasses")):
            return 200, {"items": [{"metadata": {"name": "one", "annotations": DEFAULT_CLASS}}]}
        if verb == "patch":
            return 200, told if "dryRun" in query else self._keep(path, told)
        found = self.objects.pop(path, None) if verb == "delete" else self.objects.get(path)
        return (200, found) if found else (404, {"message": "not found"})

    def _keep(self, path: str, told: dict[str, Any]) -> dict[str, Any]:
        told["metadata"]["generation"] = 1
        if told["kind"] == "Deployment":
            number = told["spec"].setdefault("replicas", 1)
            told["status"] = {"observedGeneration": 1} | dict.fromkeys(
                ("replicas", "updatedReplicas", "availableReplicas"), number
            )
        if told["kind"] == "Job":
            ended = "Failed" if self.failing in told["metadata"]["name"] else "Complete"
            told["spec"]["selector"] = {"matchLabels": {}}
            told["status"] = {"conditions": [{"type": ended, "status": "True", "message": "as it was told to"}]}
        self.objects[path] = told
        return told

    def _may(self, verb: str, root: str, words: list[str]) -> bool:
        namespace, plural, name = words[1:4] if words[0] == "namespaces" and len(words) > 3 else ("", *words[:2])
        group = root.split("/")[2] if root.startswith("/apis") else ""
        roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/"
        return any(
            group in rule["apiGroups"]
            and plural in rule["resources"]
            and verb in rule["verbs"]
            and name in rule.get("resourceNames", [name])
            for role in ("ci", "ci-settings")
            for rule in self.objects.get(f"{roles}{role}", {"rules": []})["rules"]
        )

    def object(self, plural: str, name: str) -> dict[str, Any]:
        return next(held for path, held in self.objects.items() if path.endswith(f"/{plural}/{name}"))

    def names(self, plural: str) -> list[str]:
        return sorted(path.split("/")[-1] for path in self.objects if f"/{plural}/" in path)


DEFAULT_CLASS = {"storageclass.kubernetes.io/is-default-class": "true"}


def _resource(kind: str) -> dict[str, Any]:
    plural = kind.lower() + ("" if kind.endswith("s") else "s")
    plural = plural[:-2] + "ies" if plural.endswith("ys") else plural
    return {"kind": kind, "name": plural, "namespaced": kind != "Namespace"}
