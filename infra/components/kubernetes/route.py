"""The way in from outside the cluster, by Gateway API or Ingress. Both come with a controller that the cluster has."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s


@dataclass(frozen=True)
class RouteArgs:
    """gateway: NAMESPACE/NAME of the Gateway that listens. ingress_class, tls_secret: for kind `ingress`."""

    namespace: str
    kind: Literal["gateway", "ingress"]
    host: str
    gateway: str = ""
    ingress_class: str = ""
    tls_secret: str = ""

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("routeHost is empty: give the name under which the service is reached from outside")
        if self.kind == "gateway" and self.gateway.count("/") != 1:
            raise ValueError(f"gateway is '{self.gateway}': give the Gateway that listens, as NAMESPACE/NAME")


class Route(pulumi.ComponentResource):
    def __init__(self, name: str, args: RouteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:kubernetes:Route", name, None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        meta = {"name": "serving", "namespace": args.namespace}
        if args.kind == "gateway":
            namespace, gateway = args.gateway.split("/")
            k8s.apiextensions.CustomResource(
                "route",
                api_version="gateway.networking.k8s.io/v1",
                kind="HTTPRoute",
                metadata=meta,
                spec={
                    "parentRefs": [{"namespace": namespace, "name": gateway}],
                    "hostnames": [args.host],
                    "rules": [{"backendRefs": [{"name": "serving", "port": 80}]}],
                },
                opts=mine,
            )
        else:
            backend = {"service": {"name": "serving", "port": {"number": 80}}}
            tls = [{"hosts": [args.host], "secret_name": args.tls_secret}] if args.tls_secret else []
            k8s.networking.v1.Ingress(
                "route",
                # An address comes when the controller gets round to it.
                metadata={**meta, "annotations": {"pulumi.com/skipAwait": "true"}},
                spec={
                    **({"ingress_class_name": args.ingress_class} if args.ingress_class else {}),
                    **({"tls": tls} if tls else {}),
                    "rules": [
                        {
                            "host": args.host,
                            "http": {"paths": [{"path": "/", "path_type": "Prefix", "backend": backend}]},
                        }
                    ],
                },
                opts=mine,
            )
        self.url = f"{'https' if args.kind == 'gateway' or args.tls_secret else 'http'}://{args.host}"
        self.register_outputs({"url": self.url})
