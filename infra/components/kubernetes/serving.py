"""Serving on Kubernetes: the service by its image's digest, the steps by the clock, the way in, the alarms."""

from dataclasses import replace
from typing import Any

import pulumi

from ..contract import Outputs
from . import pod, prerequisites
from .alerts import Alerts
from .app import STORE_KEYS, AppArgs, container, store
from .arguments import Arguments
from .platform import provider
from .preflight import Preflight, PreflightArgs
from .route import Route, RouteArgs
from .schedule import Schedule, ScheduleArgs
from .service import ModelService, ServiceArgs

SECRETS = {**STORE_KEYS, "ML_FEATURE_ONLINE_URI": "online-url"}
"""Variables from the Secret."""


def serving(args: Arguments, platform: Any) -> Outputs:
    """platform: the platform's outputs by name."""
    prerequisites.check(args.needs(), args.kubeconfig, args.context)
    cluster = pulumi.ResourceOptions(provider=provider(args))
    secret = platform("secret")
    env = {
        **store(args, platform("artifact_uri"), platform("endpoint")),
        "ML_TRACKING_URI": platform("tracking_uri"),
    }
    app = AppArgs(args.place, args.project, args.image, secret, env, SECRETS, args.pull)
    checked = _preflight(app, cluster)
    after = pulumi.ResourceOptions.merge(cluster, pulumi.ResourceOptions(depends_on=[checked]))
    sizes = (args.replicas, args.max_replicas, args.cpu_target, args.calm_seconds, args.serving_size)
    service = ModelService("serving", ServiceArgs(app, *sizes), after)
    asking = {"ML_SERVING_URL": f"http://{service.address}"}
    jobs = replace(app, env=env | asking, secrets=SECRETS | {"ML_SERVING_KEY": "api-key"})
    Schedule("schedule", ScheduleArgs(jobs, args.schedule, args.job_size), after)
    if args.alerts:
        Alerts("alerts", args.place, args.project, opts=after)
    return Outputs(
        target="kubernetes",
        tracking_uri=platform("tracking_uri"),
        # A store in the namespace has no address outside: its bucket's name alone would lead to Amazon's.
        artifact_uri=args.store,
        image_repository=args.image.split("@")[0].rsplit(":", 1)[0],
        serving_url=_route(args, after) or f"http://{service.address}",
        serving_auth="keys",
        batch_queue=args.place,
        secrets_ref=pulumi.Output.concat(args.place, "/", secret),
        ci_identity=f"{args.place}/ci",
    )


def _preflight(app: AppArgs, opts: pulumi.ResourceOptions) -> Preflight:
    """`ml check`, with what the service will have: the same image, settings and store."""
    check = container(
        "check", app, ["check", "--store"], mounts={"verify": "/run/ml/verify"}, size=pod.Size("100m", "1Gi")
    )
    volumes = [pod.keys("verify", app.secret, {"signing-public": "signing.pub"})]
    args = PreflightArgs(app.namespace, app.project, check, app.secret, volumes, dict(app.pull))
    return Preflight("preflight", args, opts)


def _route(args: Arguments, opts: pulumi.ResourceOptions) -> pulumi.Input[str]:
    if args.route == "none":
        return ""
    way = RouteArgs(args.place, args.route, args.route_host, args.gateway, args.ingress_class, args.tls_secret)
    return Route("route", way, opts).url
