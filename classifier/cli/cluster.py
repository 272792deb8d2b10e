"""``earmark worker`` and ``earmark scheduler``: the processes of a cluster."""

from __future__ import annotations

import asyncio

import click

from classifier.cli.common import Shell, shell_command


@click.command()
@click.option("--scheduler", help="The scheduler, tls://HOST:8786 or tcp://PRIVATE:8786; else EARMARK_SCHEDULER.")
@click.option("--host", help="Address of this machine to listen on; default: the one that reaches the scheduler.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Files decoded at the same time; default: one a core.")
@shell_command
def worker(shell: Shell, scheduler: str | None, host: str | None, jobs: int | None) -> None:
    """Search shards of catalogues, and decode and model files, for a service or a command elsewhere, until Ctrl-C.

    It needs the same store as they do. Without TLS it listens on a private network only. If the scheduler is lost, it
    waits until there is one again.

    \b
    Example:
      earmark worker --scheduler tcp://10.0.0.1:8786 --store mongodb://10.0.0.2/earmark
    """
    from classifier.cluster.worker import default_files, work

    settings = shell.settings.replace(scheduler=scheduler)

    def ready(address: str) -> None:
        if shell.as_json:
            shell.emit({"worker": address, "scheduler": settings.scheduler})
        shell.remark(f"Ready at {address}; Ctrl-C stops it.")

    asyncio.run(work(settings, host, jobs or default_files(), ready))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8786, show_default=True, help="Port; 0 takes any.")
@click.option("--tls", is_flag=True, help="Encrypt, with the certificates of the settings: on a public network.")
@shell_command
def scheduler(shell: Shell, host: str, port: int, tls: bool) -> None:
    """Keep track of the workers of a cluster until Ctrl-C: one process, anywhere, that holds nothing.

    Dask's scheduler, on a private network or with TLS only, and without everything that runs code sent by others.

    \b
    Example:
      earmark scheduler --host 10.0.0.1
    """
    from classifier.cluster.addresses import Address
    from classifier.cluster.worker import schedule

    def ready(address: str) -> None:
        if shell.as_json:
            shell.emit({"scheduler": address})
        shell.remark(f"Ready at {address}; Ctrl-C stops it.")

    asyncio.run(schedule(shell.settings, Address("tls" if tls else "tcp", host, port), ready))
