"""The platform on Kubernetes: the namespace, its secrets, and the servers everything else uses."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from . import backends, pod, prerequisites
from .access import Access, AccessArgs, people
from .app import STORE_KEYS, AppArgs, container, store
from .arguments import Arguments
from .generated import KeyPair, Password
from .place import Place, PlaceArgs
from .preflight import Preflight, PreflightArgs
from .secret import Settings
from .stateful import Server, ServerArgs


@dataclass(frozen=True)
class Platform:
    """What the serving program and the application need of it."""

    tracking_uri: pulumi.Input[str]
    artifact_uri: str
    secret: pulumi.Input[str]
    endpoint: pulumi.Input[str]
    image: str
    """What runs, for a command that is told no other."""
    api_key: pulumi.Input[str]
    """Secret: a key of the service, for smoke tests and the first client."""


def provider(args: Arguments) -> k8s.Provider:
    # The SDK would write its path into the state, and look for the next person's login there. The plugin is a process
    # of the engine, and finds it by itself.
    os.environ.pop("KUBECONFIG", None)
    return k8s.Provider(
        "cluster",
        kubeconfig=args.kubeconfig or None,
        context=args.context or None,
        enable_server_side_apply=True,
        # What a killed command made and nobody wrote down, and what was left on purpose, is taken over.
        upsert_existing_objects=True,
    )


def platform(args: Arguments) -> Platform:
    prerequisites.check([], args.kubeconfig, args.context, needs_volumes=not args.storage_class)
    cluster = pulumi.ResourceOptions(provider=provider(args))
    place = Place("place", PlaceArgs(args.place, args.project, args.quota, args.outside), cluster)
    inside = pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=place.ready))
    values, key = _secrets(args)
    secret = Settings("settings", args.place, args.project, values, inside)
    Access("access", AccessArgs(args.place, people(), secret.name), inside)
    servers = Servers(args, secret.name, inside)

    endpoint: pulumi.Input[str] = args.store_endpoint
    before: list[pulumi.Resource] = [_preflight(args, secret.name, inside)]
    if args.store == "":
        endpoint = servers.make(backends.store(args.store_image), args.storage).url.apply(lambda url: f"http://{url}")
    # Secrets are outputs, which are neither true nor false.
    if args.online == "":
        servers.make(backends.online(args.online_image))
    if args.database == "":
        before.append(servers.make(backends.database(args.database_image), args.storage))
    tracking = servers.make(backends.tracking(args.image, args.place), args.storage, before)
    return Platform(
        tracking_uri=tracking.url.apply(lambda url: f"http://{url}"),
        artifact_uri=args.store or f"s3://{backends.BUCKET}/{args.project}",
        secret=secret.name,
        endpoint=endpoint,
        image=args.image,
        api_key=pulumi.Output.secret(key),
    )


@dataclass(frozen=True)
class Servers:
    """Makes servers that differ in their container only."""

    args: Arguments
    secret: pulumi.Input[str]
    opts: pulumi.ResourceOptions

    def make(self, container: pod.Container, storage: str = "", after: Sequence[pulumi.Resource] = ()) -> Server:
        args = self.args
        keep = args.environment == "production"
        made = ServerArgs(
            args.place, args.project, container, self.secret, storage, args.storage_class, keep, args.pull
        )
        later = pulumi.ResourceOptions(depends_on=list(after))
        return Server(container.name, made, pulumi.ResourceOptions.merge(self.opts, later))


def _preflight(args: Arguments, secret: pulumi.Input[str], opts: pulumi.ResourceOptions) -> Preflight:
    """MLflow's server is replaced by stopping the old one, and our store goes when another is given: try first."""
    if args.store:
        env = store(args, args.store, args.store_endpoint)
        app = AppArgs(args.place, args.project, args.image, secret, env, STORE_KEYS)
        tried = container("image", app, ["check", "--store"], size=pod.Size("100m", "1Gi"))
    else:
        tried = pod.Container("image", args.image, command=["mlflow"], args=["--version"], env={"HOME": "/tmp"})  # noqa: S108
    return Preflight("image", PreflightArgs(args.place, args.project, tried, secret, pull=args.pull), opts)


def _secrets(args: Arguments) -> tuple[dict[str, Any], pulumi.Output[str]]:
    """The Secret's keys, and the API key whose hash is among them."""
    pair, key = KeyPair("signing"), Password("api-key").value
    online, database = Password("online-password").value, Password("database-password").value
    where = f"{args.place}.svc"
    values = {
        "store-access": Password("store-access").value if args.store_access == "" else args.store_access,
        "store-secret": Password("store-secret").value if args.store_secret == "" else args.store_secret,
        "database-password": database,
        "database-url": args.database,
        "online-password": online,
        "online-url": args.online,
        "signing-private": pair.private,
        "signing-public": pair.public,
        "api-key": key,
        "api-keys": key.apply(lambda clear: json.dumps({"platform": hashlib.sha256(clear.encode()).hexdigest()})),
    }
    if args.database == "":
        own = pulumi.Output.concat("postgresql+psycopg://mlflow:", database, f"@database.{where}:5432/mlflow")
        values["database-url"] = own
    if args.online == "":
        values["online-url"] = pulumi.Output.concat("redis://:", online, f"@online.{where}:6379/0")
    return values, key
