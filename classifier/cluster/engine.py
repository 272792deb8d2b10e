"""Dask's ``distributed``, with everything taken away that runs code which others send.

Used are its scheduler, which knows the workers and notices when one is gone; its servers and connections, with TLS on
both sides; and its messages, which are MessagePack. Not used, and refused by every process of ours, are tasks, actors,
plugins, uploaded modules, and pickles, which its messages could otherwise carry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from classifier.cluster import addresses
from classifier.cluster.addresses import Address
from classifier.errors import InvalidConfig
from classifier.extras import needing
from classifier.settings import Settings

#: What a worker answers beside Earmark's own questions.
WORKER_HANDLERS = ("identity", "ping", "connection_stream")
#: What the scheduler may tell a worker.
WORKER_STREAMS = ("close", "worker-status-change", "remove-worker")
#: What a scheduler answers.
SCHEDULER_HANDLERS = (
    "identity",
    "ping",
    "connection_stream",
    "register-worker",
    "heartbeat_worker",
    "unregister",
)
#: What a worker may tell the scheduler.
SCHEDULER_STREAMS = ("keep-alive", "worker-status-change", "log-event", "close-client")
#: Seconds after which a worker that does not answer the scheduler counts as gone.
_GONE = "30s"


def prepare() -> None:
    """Configure the engine for this process; idempotent.

    Raises
    ------
    InvalidConfig
        If it is not installed.
    """
    with needing("cluster", "working with several machines"):
        import dask.config
        from distributed.protocol import pickle

    dask.config.set(
        {
            "distributed.scheduler.worker-ttl": _GONE,
            "distributed.comm.timeouts.connect": "5s",
            "distributed.comm.timeouts.tcp": "15s",
            "distributed.comm.retry.count": 0,
            "distributed.admin.tick.limit": "1h",
            "distributed.scheduler.http.routes": ["distributed.http.health"],
            "distributed.worker.http.routes": ["distributed.http.health"],
            "distributed.worker.profile.enabled": False,
        }
    )
    pickle.loads = refuse_pickle


def refuse_pickle(*_: Any, **__: Any) -> Any:
    """Refuse to read a pickle: it can run anything.

    Raises
    ------
    ValueError
        Always.
    """
    raise ValueError("pickles are not read: only plain values may cross between machines")


def restrict(handlers: dict[str, Any], allowed: Iterable[str]) -> None:
    """Leave only what is allowed among a server's handlers."""
    kept = set(allowed)
    for name in [name for name in handlers if name not in kept]:
        del handlers[name]


def scheduler_of(settings: Settings) -> Address:
    """Return the address of the settings' scheduler, checked.

    Raises
    ------
    InvalidConfig
        If there is none, if it may not be used, or if files for TLS are missing.
    """
    if not settings.scheduler:
        raise InvalidConfig("no scheduler is named: give --scheduler or EARMARK_SCHEDULER, such as tcp://10.0.0.1:8786")
    address = addresses.parse(settings.scheduler)
    addresses.check(address)
    check_files(address, settings)
    return address


def check_files(address: Address, settings: Settings) -> None:
    """Check that there are certificates where they are needed.

    Raises
    ------
    InvalidConfig
        If one of the three files is not named.
    """
    missing = [name for name in ("cluster_ca", "cluster_cert", "cluster_key") if not getattr(settings, name)]
    if address.scheme == "tls" and missing:
        names = ", ".join(f"EARMARK_{name.upper()}" for name in missing)
        raise InvalidConfig(f"{address} is encrypted, which needs certificates: set {names}")


def security(address: Address, settings: Settings) -> Any:
    """Return Dask's description of how connections are protected: both sides show a certificate, or neither."""
    from distributed import security as protection

    kind: Any = protection.Security
    if address.scheme == "tcp":
        return kind()
    return kind(
        tls_ca_file=settings.cluster_ca,
        tls_client_cert=settings.cluster_cert,
        tls_client_key=settings.cluster_key,
        tls_worker_cert=settings.cluster_cert,
        tls_worker_key=settings.cluster_key,
        tls_scheduler_cert=settings.cluster_cert,
        tls_scheduler_key=settings.cluster_key,
        require_encryption=True,
    )
