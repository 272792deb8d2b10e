"""gunicorn as Earmark runs it: one process from ``earmark serve``, several from ``gunicorn.conf.py``.

An arriving body or an open event stream holds a thread; everything slower waits without one (``connections.py``), and
the gate alone decides who gets the CPU. Applications are loaded after the fork, because SQLite connections, MongoDB
clients and decoders do not survive one.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from gunicorn import glogging
from gunicorn.app.base import BaseApplication

from classifier.api import logs, memory
from classifier.api.addresses import is_loopback
from classifier.api.bodies import MAX_UPLOADS
from classifier.api.service import MAX_STREAMS, Service
from classifier.errors import InvalidConfig
from classifier.records import keys
from classifier.settings import Settings
from classifier.store import open_store

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable by which all processes count together; prometheus-client reads it when it is imported."""
GRACEFUL_SECONDS = 30
WARM_SECONDS = 60.0
"""How long a new process may warm up before it takes connections, warm or not."""


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's own messages, in the format of all others."""

    def setup(self, cfg: Any) -> None:
        """Take over gunicorn's loggers."""
        super().setup(cfg)
        logs.configure(cfg.loglevel.upper())


def started(worker: Any) -> None:
    """Start warming a new process up before it takes connections: a gunicorn hook, called in that process.

    The first processes take connections as soon as their store is open, so that ``/readyz`` can report their progress.
    A process that replaces another leaves connections to the rest until it is warm. If a part fails, the process serves
    anyway: it answers 503, ``/readyz`` names the part, and it keeps trying.
    """
    memory.give_back()
    own: Service = worker.wsgi.extensions["earmark"]
    own.start()
    replaces = worker.cfg.workers > 1 and worker.age > worker.cfg.workers
    enough = own.tried if replaces else own.opened
    deadline = time.monotonic() + WARM_SECONDS
    while not (enough.wait(0.5) or own.closing.is_set() or time.monotonic() > deadline):
        worker.notify()  # gunicorn kills a worker that is silent


def stopped(_: Any, worker: Any) -> None:
    """Close what a process holds: a gunicorn hook, called in that process."""
    if getattr(worker, "wsgi", None) is not None:
        worker.wsgi.extensions["earmark"].close()


def forgotten(_: Any, worker: Any) -> None:
    """Leave a process that has ended out of the figures: a gunicorn hook, called in the first process."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def _count_together(folder: str | None) -> None:
    """Make the folder where all processes count that start from now on, unless there is one."""
    if METRICS_FOLDER in os.environ:
        return
    made = os.environ[METRICS_FOLDER] = tempfile.mkdtemp(prefix="earmark-metrics-", dir=folder)
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(made, ignore_errors=True)

    atexit.register(remove)


def check_address(settings: Settings) -> None:
    """Refuse to serve other machines while anyone could write, and to use a scheduler that strangers could reach.

    Raises
    ------
    InvalidConfig
        If ``host`` is not a loopback address and no admin key exists, or the address cannot be bound; if there is a
        scheduler that may not be used.
    """
    if settings.scheduler:
        from classifier.cluster.engine import scheduler_of

        scheduler_of(settings)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        address = socket.getaddrinfo(settings.host, settings.port, family, socket.SOCK_STREAM)[0][4]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise InvalidConfig(
            f"cannot serve on {settings.host} port {settings.port}: {error.strerror}; choose another --port or --host"
        ) from None
    if is_loopback(str(address[0])):
        return
    store = open_store(settings.store)
    try:
        store.ensure_schema()
        if not keys.exist(store, "admin"):
            raise InvalidConfig(
                f"{settings.host} can be reached from other machines, and no admin key exists yet: create one with "
                "'earmark keys create NAME --role admin', or serve on 127.0.0.1"
            )
    finally:
        store.close()


def configuration(settings: Settings, processes: int) -> dict[str, Any]:
    """Return gunicorn's configuration.

    Parameters
    ----------
    settings : Settings
    processes : int >= 1
        Worker processes; each holds the catalogue's index and works on ``settings.workers`` snippets at a time.
    """
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    in_memory = "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None  # nosec B108
    _count_together(in_memory)
    return {
        "bind": [f"{host}:{settings.port}"],
        "workers": processes,
        "worker_class": "classifier.api.connections.Worker",
        # A thread for every upload, stream and snippet that is admitted, and some for quick requests.
        "threads": MAX_UPLOADS + MAX_STREAMS + settings.workers + settings.queue + 16,
        "worker_connections": 1000,
        "timeout": 120,
        "graceful_timeout": GRACEFUL_SECONDS,
        "keepalive": 5,
        "preload_app": False,
        "max_requests": 50_000 if processes > 1 else 0,
        "max_requests_jitter": 5_000,
        "worker_tmp_dir": in_memory,
        "control_socket_disable": True,
        "logger_class": "classifier.api.server.Logger",
        "loglevel": settings.log_level.lower(),
        "accesslog": None,  # the application logs its answers itself
        "post_worker_init": started,
        "worker_exit": stopped,
        "child_exit": forgotten,
    }


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn inside this process.

    Parameters
    ----------
    settings : Settings
    processes : int >= 1
    ready : callable
        Called with the URL by the first process that is warm or has failed to warm up once.
    """

    def __init__(self, settings: Settings, processes: int, ready: Callable[[str], None]) -> None:
        self._settings = settings
        self._processes = processes
        self._ready = ready
        self._url = ""
        # The process that reads the one byte makes the announcement.
        self._token, end = os.pipe()
        os.write(end, b"1")
        os.close(end)
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's configuration and hooks."""
        for name, value in configuration(self._settings, self._processes).items():
            self.cfg.set(name, value)
        self.cfg.set("when_ready", self._when_ready)
        self.cfg.set("post_worker_init", self._started)

    def load(self) -> Any:
        """Make the application in the process that serves it."""
        from classifier.api.application import create_app

        return create_app(self._settings)

    def _when_ready(self, server: Any) -> None:
        host, port = server.LISTENERS[0].sock.getsockname()[:2]
        self._url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def _started(self, worker: Any) -> None:
        started(worker)
        own: Service = worker.wsgi.extensions["earmark"]
        threading.Thread(target=self._announce, args=(own,), name="announce", daemon=True).start()

    def _announce(self, own: Service) -> None:
        own.tried.wait()
        if not own.closing.is_set() and os.read(self._token, 1):
            self._ready(self._url)


def serve(settings: Settings, processes: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Raises
    ------
    InvalidConfig
        If the address cannot be bound, or may not be served on (:func:`check_address`).
    """
    check_address(settings)
    logging.captureWarnings(True)
    try:
        Server(settings, processes, ready).run()
    except SystemExit as end:
        if end.code not in (0, None):
            raise
