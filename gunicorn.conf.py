"""For several processes on one machine: ``gunicorn -c gunicorn.conf.py``.

``WEB_CONCURRENCY`` is the number of processes (default: one for two cores); everything else comes from the
``EARMARK_*`` settings. Each process holds the index in memory, and works on ``EARMARK_WORKERS`` snippets at a
time. With the default store all of them have to be on this machine.
"""

import os

# The snippets of several threads and processes share the cores; a matrix product that took all of them would
# only make them wait for each other. Has to be set before numpy is loaded.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from classifier.api.server import check_address, configuration  # noqa: E402
from classifier.settings import Settings  # noqa: E402

_settings = Settings.from_environment(os.environ)
_processes = int(os.environ.get("WEB_CONCURRENCY") or max(1, (os.cpu_count() or 2) // 2))

wsgi_app = "app:create_app()"
globals().update(configuration(_settings, _processes))


def on_starting(_server):
    """Refuse addresses that are not safe yet."""
    check_address(_settings)
