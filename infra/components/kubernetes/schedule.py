"""The steps by the clock: one CronJob each, never two of one at a time. CI and people start any command by hand:

make infra-job ENV=... ARGS="run train"
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from . import pod
from .app import AppArgs, container

STEPS: Mapping[str, Sequence[Sequence[str]]] = {
    "collect": (("run", "collect"), ("run", "validate"), ("run", "materialize")),
    "train": (("run", "train"), ("run", "register")),
    "promote": (("promote",),),
    "rollback": (("rollback", "--reason", "kubectl create job"),),
    "monitor": (("run", "monitor"),),
    "retrain": (("run", "retrain"),),
    "score": (("run", "score"),),
    "ml": (("--help",),),
}
"""What a job runs, one after the other; `ml` is what `make infra-job` gives its words to."""
NEVER = "0 0 31 2 *"
"""The 31st of February: a job that only people and CI start."""


@dataclass(frozen=True)
class ScheduleArgs:
    """when: cron expressions (UTC) by job; a job without one starts only by hand. hours: after which a job is ended."""

    app: AppArgs
    when: Mapping[str, str]
    size: pod.Size = field(default_factory=lambda: pod.Size("250m", "2Gi"))
    hours: float = 6


class Schedule(pulumi.ComponentResource):
    def __init__(self, name: str, args: ScheduleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:kubernetes:Schedule", name, None, opts)
        for job in STEPS:
            self._job(job, args)
        self.register_outputs({})

    def _job(self, job: str, args: ScheduleArgs) -> None:
        app = args.app
        when = args.when.get(job, "")
        meta = {"namespace": app.namespace, "labels": {**pod.labels("job", app.project), "ml/job": job}}
        k8s.batch.v1.CronJob(
            f"job-{job}",
            metadata={**meta, "name": job},
            spec={
                "schedule": when or NEVER,
                "time_zone": "Etc/UTC",
                "suspend": not when,
                "concurrency_policy": "Forbid",
                "starting_deadline_seconds": 600,
                "successful_jobs_history_limit": 3,
                "failed_jobs_history_limit": 3,
                "job_template": {"spec": job_spec(job, args, meta["labels"])},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )


def job_spec(job: str, args: ScheduleArgs, labels: dict[str, str]) -> dict:
    """One pod, whose containers run the steps in order; tried again once where that does no harm."""
    app = args.app
    steps = [
        container(
            f"{job}-{place}" if place else job,
            app,
            list(step),
            env={"ML_SIGNING_KEY": "/run/ml/sign/signing.key"},
            mounts={"verify": "/run/ml/verify", "sign": "/run/ml/sign"},
            size=args.size,
        )
        for place, step in enumerate(STEPS[job])
    ]
    volumes = [
        pod.keys("verify", app.secret, {"signing-public": "signing.pub"}),
        pod.keys("sign", app.secret, {"signing-private": "signing.key"}),
    ]
    spec = pod.spec(steps[-1:], app.secret, first=steps[:-1], volumes=volumes, restart_policy="Never", **app.pull)
    return {
        # A second rollback undoes the first; a second retrain is told to wait, and would end well; a person looks.
        "backoff_limit": 0 if job in ("rollback", "retrain", "ml") else 1,
        "active_deadline_seconds": int(args.hours * 3600),
        "ttl_seconds_after_finished": 86400,
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }
