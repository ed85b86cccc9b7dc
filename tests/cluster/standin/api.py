"""The API server: apply, read, delete, by plain HTTP with the credentials of a kubeconfig."""

import json
import time
from typing import Any
from urllib.parse import quote

from urllib3.exceptions import HTTPError

from .login import way

MANAGER = "pulumi-kubernetes"


class ApiError(Exception):
    """What the server said; status 0: it was not reached."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    def __init__(self, kubeconfig: str = "", context: str = "") -> None:
        """kubeconfig: a path or the text itself; the usual places when empty."""
        self._host, self._pool, self._headers = way(kubeconfig, context)
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def apply(self, document: dict[str, Any], dry_run: bool = False) -> dict[str, Any]:
        """Server-side apply, by force; unknown fields are refused."""
        query = f"fieldManager={MANAGER}&force=true&fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self._call("PATCH", f"{self._path(document)}?{query}", document, "application/apply-patch+yaml")

    def read(self, document: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return self._call("GET", self._path(document))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def delete(self, document: dict[str, Any], seconds: float = 120) -> None:
        """Delete and wait until it is gone."""
        try:
            self._call("DELETE", f"{self._path(document)}?propagationPolicy=Foreground")
        except ApiError as error:
            if error.status != 404:
                raise
        end = time.monotonic() + seconds
        while self.read(document) is not None:
            if time.monotonic() > end:
                raise ApiError(0, f"{document['kind']} {document['metadata']['name']} is still there after {seconds} s")
            time.sleep(0.2)

    def of(self, namespace: str, plural: str, selector: str = "") -> list[dict[str, Any]]:
        """Core objects of a namespace: pods, events."""
        query = f"?labelSelector={quote(selector)}" if selector else ""
        found = self._call("GET", f"/api/v1/namespaces/{namespace}/{plural}{query}")
        return list(found["items"])

    def _path(self, document: dict[str, Any]) -> str:
        version, kind = document["apiVersion"], document["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        plural, namespaced = self._kind(root, version, kind)
        metadata = document["metadata"]
        place = f"/namespaces/{metadata.get('namespace', 'default')}" if namespaced else ""
        return f"{root}{place}/{plural}/{metadata['name']}"

    def _kind(self, root: str, version: str, kind: str) -> tuple[str, bool]:
        if (version, kind) not in self._kinds:
            for found in self._call("GET", root)["resources"]:
                if "/" not in found["name"]:
                    self._kinds[version, found["kind"]] = (found["name"], found["namespaced"])
        if (version, kind) not in self._kinds:
            raise ApiError(404, f'no matches for kind "{kind}" in version "{version}"')
        return self._kinds[version, kind]

    def _call(self, method: str, path: str, body: Any = None, content: str = "application/json") -> dict[str, Any]:
        headers = {"accept": "application/json", "content-type": content, **self._headers}
        sent = None if body is None else json.dumps(body)
        try:
            answer = self._pool.request(
                method, self._host + path, body=sent, headers=headers, timeout=30, retries=False
            )
        except HTTPError as error:
            raise ApiError(0, f"configured Kubernetes cluster is unreachable: {error}") from None
        found = json.loads(answer.data)
        if answer.status >= 400:
            raise ApiError(answer.status, found.get("message", str(found)))
        return dict(found)
