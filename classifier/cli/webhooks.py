"""``earmark webhooks``: addresses that the service tells of events."""

from __future__ import annotations

import click

from classifier.cli.common import Shell, shell_command


@click.group()
def webhooks() -> None:
    """Create, list, test and delete webhooks: addresses that the service tells of events.

    \b
    Example:
      earmark webhooks create https://example.org/earmark --event tag.created
    """


@webhooks.command()
@click.argument("url")
@click.option("--event", "events", multiple=True, help="What it is told; may be repeated. Default: everything.")
@shell_command
def create(shell: Shell, url: str, events: tuple[str, ...]) -> None:
    """Have URL told of events, and print the secret that signs them; it is never shown again.

    Events are tag.created (a snippet was identified, whatever the verdict) and tracklist.finished (a recording was
    listened to as a whole, or cannot be).

    \b
    Example:
      earmark webhooks create https://example.org/earmark --event tag.created
    """
    from classifier.work import webhooks as work

    with shell.store() as store:
        made = work.create(store, shell.settings, url, events)
    if shell.as_json:
        shell.emit({**made.to_dict(), "secret": made.secret})
        return
    shell.remark(f"webhook {made.id} is told of {', '.join(made.events)}; its secret is shown only now:")
    shell.say(made.secret)


@webhooks.command("list")
@shell_command
def list_webhooks(shell: Shell) -> None:
    """List the webhooks, and what came of the last event that each was told.

    \b
    Example:
      earmark webhooks list
    """
    from classifier.records import webhooks as stored

    with shell.store() as store:
        found = stored.listed(store)
    if shell.as_json:
        for webhook in found:
            shell.emit(webhook.to_dict())
    elif found:
        rows = [
            [w.id, w.url, ", ".join(w.events), w.last_answer or "never told", str(w.failures), str(w.dropped)]
            for w in found
        ]
        shell.table(["webhook", "address", "events", "last answer", "failures", "dropped"], rows, whole=["webhook"])
    else:
        shell.remark("no webhooks: see 'earmark webhooks create --help'")


@webhooks.command()
@click.argument("webhook")
@shell_command
def test(shell: Shell, webhook: str) -> None:
    """Tell WEBHOOK, given by its id, the event ping, once; exit with status 1 if it does not take it.

    \b
    Example:
      earmark webhooks test 01a223e87f02958766455c78d503
    """
    from classifier.records import webhooks as stored
    from classifier.work import webhooks as work

    with shell.store() as store:
        outcome = work.ping(stored.get(store, webhook), shell.settings)
    if shell.as_json:
        shell.emit({"delivered": outcome.ok, "status": outcome.status, "answer": outcome.answer})
    else:
        shell.say(f"{outcome.answer}, after {outcome.seconds:.2f} s")
    if not outcome.ok:
        raise SystemExit(1)


@webhooks.command()
@click.argument("webhook")
@shell_command
def delete(shell: Shell, webhook: str) -> None:
    """Delete WEBHOOK, given by its id; events that wait for it are dropped.

    \b
    Example:
      earmark webhooks delete 01a223e87f02958766455c78d503
    """
    from classifier.records import webhooks as stored

    with shell.store() as store:
        stored.delete(store, webhook)
    shell.remark(f"deleted {webhook}")
    if shell.as_json:
        shell.emit({"id": webhook, "deleted": True})
