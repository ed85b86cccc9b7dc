"""A stand-in for the plugin pulumi-kubernetes, for tests: under the real engine it applies to a real API server.

    kubernetes_provider.py VERSION      prints its port and serves the provider protocol

What it shows: that the programs' objects are accepted by the API server (strictly, dry-run at every preview), come up,
are read, repaired and deleted. What it does not show: the real plugin's own waiting, its rules of what is replaced,
Helm, secrets inside objects it invents. PULUMI_REAL_PLUGINS=1 makes the tests use the real one.
"""

import sys
from concurrent import futures
from threading import Lock
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as p

from .api import Api, ApiError
from .ready import wait
from .values import UNKNOWN, as_live, is_known, name_of, plain, to_dict, to_struct, type_of

FIXED = {
    "": ("apiVersion", "kind", "metadata.name", "metadata.namespace"),
    "Deployment": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"),
    "Job": ("spec.selector", "spec.template", "spec.completions"),
    "PersistentVolumeClaim": ("spec.storageClassName", "spec.accessModes", "spec.volumeName"),
    "RoleBinding": ("roleRef",),
    "ConfigMap": ("data", "binaryData"),
    "Secret": ("data", "stringData", "type"),
}
"""Paths whose change makes a new object, by kind ("" is for all)."""


class Kubernetes(provider_pb2_grpc.ResourceProviderServicer):  # type: ignore[misc]
    def __init__(self, version: str) -> None:
        self._version = version
        self._made: Api | None = None
        self._making = Lock()
        self._where: dict[str, str] = {}

    @property
    def api(self) -> Api:
        with self._making:  # while one thread writes the client's certificates down, another would read half of them
            if self._made is None:
                self._made = Api(self._where.get("kubeconfig", ""), self._where.get("context", ""))
        return self._made

    # A provider that does not accept secrets gets them in clear, and so does the state.
    def Handshake(self, request: Any, context: Any) -> Any:
        return p.ProviderHandshakeResponse(accept_secrets=True)

    def Configure(self, request: Any, context: Any) -> Any:
        self._where = {name.split(":")[-1]: text for name, text in request.variables.items()}
        return p.ConfigureResponse(supportsPreview=True, acceptSecrets=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self._version)

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return p.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return p.DiffResponse(changes=p.DiffResponse.DIFF_NONE)

    def Check(self, request: Any, context: Any) -> Any:
        before, inputs, failures = to_dict(request.olds), to_dict(request.news), []
        metadata = inputs.setdefault("metadata", {})
        if isinstance(metadata, dict) and "name" not in metadata:
            name = (before.get("metadata") or {}).get("name")
            metadata["name"] = name or f"{name_of(request.urn)}-{request.randomSeed.hex()[:8]}"
        if is_known(inputs) and inputs != before:  # what was accepted once is not asked about again
            try:
                self.api.apply(plain(inputs), dry_run=True)
            except ApiError as error:
                if not _passes(error):
                    failures.append(p.CheckFailure(reason=str(error)))
        return p.CheckResponse(inputs=to_struct(inputs), failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        old, new = to_dict(request.old_inputs), to_dict(request.news)
        changed = [path for path in _changes(old, new) if path.split(".")[0] not in request.ignoreChanges]
        fixed = [*FIXED[""], *FIXED.get(type_of(request.urn).split(":")[-1], ())]
        replaces = [path for path in changed if any(f"{path}.".startswith(f"{each}.") for each in fixed)]
        names = [each["metadata"]["name"] if isinstance(each.get("metadata"), dict) else "" for each in (old, new)]
        return p.DiffResponse(
            changes=p.DiffResponse.DIFF_SOME if changed else p.DiffResponse.DIFF_NONE,
            diffs=sorted({path.split(".")[0] for path in changed}),
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and names[0] == names[1],
        )

    def Create(self, request: Any, context: Any) -> Any:
        inputs = to_dict(request.properties)
        if request.preview:
            return p.CreateResponse(properties=to_struct({**inputs, "status": UNKNOWN}))
        live = self._applied(inputs, context)
        metadata = live["metadata"]
        found = "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))
        return p.CreateResponse(id=found, properties=to_struct(_outputs(inputs, live)))

    def Update(self, request: Any, context: Any) -> Any:
        inputs = to_dict(request.news)
        if request.preview:
            return p.UpdateResponse(properties=request.news)
        return p.UpdateResponse(properties=to_struct(_outputs(inputs, self._applied(inputs, context))))

    def Read(self, request: Any, context: Any) -> Any:
        inputs = to_dict(request.inputs) or to_dict(request.properties)
        live = self._asked(context, lambda: self.api.read(plain(inputs)))
        if live is None:
            return p.ReadResponse()
        now = as_live(inputs, live)
        return p.ReadResponse(id=request.id, properties=to_struct(_outputs(now, live)), inputs=to_struct(now))

    def Delete(self, request: Any, context: Any) -> Any:
        inputs = plain(to_dict(request.old_inputs) or to_dict(request.properties))
        self._asked(context, lambda: self.api.delete(inputs))
        return empty_pb2.Empty()

    def _applied(self, inputs: dict[str, Any], context: Any) -> dict[str, Any]:
        return dict(self._asked(context, lambda: wait(self.api, self.api.apply(plain(inputs)))))

    def _asked(self, context: Any, question: Any) -> Any:
        try:
            return question()
        except ApiError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


def _passes(error: ApiError) -> bool:
    """Its namespace comes with the same update, what cannot be changed is replaced, a quota has room another time."""
    words = {404: "", 422: "is immutable", 403: "exceeded quota"}
    return error.status in words and words[error.status] in str(error)


def _outputs(inputs: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    """What the engine keeps: the inputs, secret where they were, and what the server added."""
    status = {"status": live["status"]} if "status" in live else {}
    spec = inputs.get("spec")
    if live["kind"] == "Service" and isinstance(spec, dict):
        status["spec"] = {**spec, "clusterIP": live["spec"].get("clusterIP")}
    return {**inputs, **status}


def _changes(old: Any, new: Any, path: str = "") -> list[str]:
    """Dotted paths at which two values differ; lists are compared whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted({*old, *new}):
            found += _changes(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        return found
    return [] if plain(old) == plain(new) else [path]


def main(version: str) -> None:
    limit = [("grpc.max_receive_message_length", 400 << 20)]
    server = grpc.server(futures.ThreadPoolExecutor(16), options=limit)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Kubernetes(version), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # the engine reads it as the first text on standard output
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1])
