"""The servers of an environment that brings none of its own: object store, database, online store; and MLflow."""

from typing import Any

from . import pod
from .place import PORTS

BUCKET = "ml-store"
DATABASE = "mlflow"


def store(image: str) -> pod.Container:
    """Versity's S3 gateway over a folder: it has the conditional writes that promotions and tables rely on."""
    port = PORTS["store"]
    return pod.Container(
        "store",
        image,
        args=["--port", f":{port}", "posix", "/data"],
        secrets={"ROOT_ACCESS_KEY": "store-access", "ROOT_SECRET_KEY": "store-secret"},
        folders=["/tmp", "/data"],  # noqa: S108 - beside the bucket it keeps only its locks
        mounts={"data": f"/data/{BUCKET}"},  # a folder is a bucket
        port=port,
        size=pod.Size("50m", "512Mi"),
        more={"readiness_probe": pod.socket_probe(port), "liveness_probe": pod.socket_probe(port, 10)},
    )


def database(image: str) -> pod.Container:
    """PostgreSQL; the image's own start makes the database on the empty volume."""
    port = PORTS["database"]
    return pod.Container(
        "database",
        image,
        env={"POSTGRES_USER": DATABASE, "POSTGRES_DB": DATABASE, "PGDATA": "/var/lib/postgresql/data/main"},
        secrets={"POSTGRES_PASSWORD": "database-password"},
        folders=["/tmp", "/var/run/postgresql"],  # noqa: S108
        mounts={"data": "/var/lib/postgresql/data"},
        port=port,
        size=pod.Size("50m", "512Mi"),
        more={"readiness_probe": pod.socket_probe(port), "liveness_probe": pod.socket_probe(port, 10)},
    )


def online(image: str) -> pod.Container:
    """Valkey or Redis, in memory: `ml run materialize` fills it again from the store."""
    port = PORTS["online"]
    program = "$(command -v valkey-server || command -v redis-server)"
    # The password stays out of the process list, and nothing stands between the server and its signals.
    start = [
        'umask 077; printf "requirepass %s\\n" "$PASSWORD" >/tmp/server.conf;',
        f'exec "{program}" /tmp/server.conf --port {port} --save "" --dir /tmp',
    ]
    return pod.Container(
        "online",
        image,
        command=["sh", "-c"],
        args=[" ".join(start)],
        secrets={"PASSWORD": "online-password"},
        port=port,
        size=pod.Size("50m", "256Mi"),
        more={"readiness_probe": pod.socket_probe(port), "liveness_probe": pod.socket_probe(port, 10)},
    )


def tracking(image: str, namespace: str) -> pod.Container:
    """MLflow's server from the project's image. Its artifacts lie on its volume; bundles are in the store."""
    port = PORTS["tracking"]
    hosts = ["localhost", *(f"tracking{suffix}" for suffix in ("", f".{namespace}", f".{namespace}.svc"))]
    allowed = ",".join(host + end for host in hosts for end in ("", f":{port}"))
    probe = pod.http_probe("/health", port)
    more: dict[str, Any] = {
        "startup_probe": pod.http_probe("/health", port, 2, 90),  # it makes its tables first
        "readiness_probe": probe,
        "liveness_probe": pod.http_probe("/health", port, 10, 6),
    }
    return pod.Container(
        "tracking",
        image,
        command=["mlflow"],
        args=[
            *("server", "--host", "0.0.0.0", "--port", str(port), "--workers", "1"),  # noqa: S104 - policies guard it
            *("--artifacts-destination", "/data/artifacts", "--allowed-hosts", allowed),
        ],
        # Its job runner starts a process for each kind of job it might get: 1.5 GB of them.
        env={"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "HOME": "/tmp"},  # noqa: S108
        secrets={"MLFLOW_BACKEND_STORE_URI": "database-url"},
        mounts={"data": "/data"},
        port=port,
        size=pod.Size("100m", "1Gi"),
        more=more,
    )
