"""Serving on Kubernetes: the service by its image's digest, the steps by the clock, the way in, the alarms."""

from typing import Any

import pulumi

from . import prerequisites
from .alerts import Alerts
from .app import AppArgs
from .arguments import Arguments
from .platform import provider
from .preflight import Preflight
from .route import Route, RouteArgs
from .schedule import Schedule, ScheduleArgs
from .service import ModelService, ServiceArgs


def serving(args: Arguments, platform: Any) -> pulumi.Input[str]:
    """platform: what the platform's stack put out, by name. Returns the service's address."""
    prerequisites.check(args.needs(), args.kubeconfig, args.context)
    cluster = pulumi.ResourceOptions(provider=provider(args))
    app = AppArgs(args.namespace, args.project, args.image, platform("secret"), _env(args, platform), _SECRETS, args.pull_secret)
    checked = Preflight("preflight", app, cluster)
    after = pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=[checked]))
    service = ModelService(
        "serving",
        ServiceArgs(app, args.replicas, args.max_replicas, args.cpu_target, args.calm, args.serving_size),
        after,
    )
    Schedule("schedule", ScheduleArgs(app, args.schedule, args.job_size), after)
    if args.alerts:
        Alerts("alerts", args.namespace, args.project, opts=after)
    if args.route == "none":
        return f"http://{service.address}"
    way = RouteArgs(args.namespace, args.route, args.route_host, args.gateway, args.ingress_class, args.tls_secret)
    return Route("route", way, after).url


_SECRETS = {
    "AWS_ACCESS_KEY_ID": "store-access",
    "AWS_SECRET_ACCESS_KEY": "store-secret",
    "ML_FEATURE_ONLINE_URI": "online-url",
}


def _env(args: Arguments, platform: Any) -> dict[str, Any]:
    """ML_* variables, and what the object store's library reads."""
    endpoint = platform("endpoint")
    return {
        "ML_STORE": platform("artifact_uri"),
        "ML_TRACKING_URI": platform("tracking_uri"),
        "AWS_REGION": args.store_region,
        **({"AWS_ENDPOINT_URL": endpoint} if not args.store or args.store_endpoint else {}),
        **({"AWS_ALLOW_HTTP": "true"} if not args.store or args.store_endpoint.startswith("http://") else {}),
    }
