"""``earmark keys``: the keys that allow tagging and changing the library over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from classifier.cli.common import Shell, shell_command

if TYPE_CHECKING:
    from classifier.records.keys import Key


@click.group()
def keys() -> None:
    """Create, list and revoke the keys of the HTTP API.

    \b
    Example:
      earmark keys create "Anna's phone" --role tag
    """


@keys.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["tag", "admin"]),
    default="tag",
    show_default=True,
    help="tag: identify snippets; admin: change the library too.",
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(min=1),
    help="Limit of its own; default EARMARK_KEY_REQUESTS_PER_MINUTE for role tag, none for admin.",
)
@click.option(
    "--max-tags",
    type=click.IntRange(min=1),
    help="Tags it may keep; default EARMARK_KEY_MAX_TAGS for role tag, any number for admin.",
)
@shell_command
def create(shell: Shell, name: str, role: str, requests_per_minute: int | None, max_tags: int | None) -> None:
    """Create a key called NAME and print it; it is never shown again.

    \b
    Example:
      earmark keys create "me" --role admin
      earmark keys create "the app" --requests-per-minute 6000 --max-tags 1000000
    """
    from classifier.records import keys as stored

    with shell.store() as store:
        key, secret = stored.create(store, name, role, requests_per_minute=requests_per_minute, max_tags=max_tags)
    if shell.as_json:
        shell.emit({**key.to_dict(), "key": secret})
        return
    shell.remark(f"key {key.prefix}… for {key.name!r}, role {key.role}; it is shown only now:")
    shell.say(secret)


@keys.command("list")
@shell_command
def list_keys(shell: Shell) -> None:
    """List the keys, without their secrets.

    \b
    Example:
      earmark keys list --json
    """
    from classifier.records import keys as stored

    with shell.store() as store:
        found = stored.listed(store)
    if shell.as_json:
        for key in found:
            shell.emit(key.to_dict())
    elif found:
        rows = [[f"{k.prefix}…", k.role, k.created[:10], _used(k.last_used), _limits(k), k.name] for k in found]
        shell.table(["key", "role", "created", "last used", "limits", "name"], rows)
    else:
        shell.remark("no keys: the service answers this machine only")


def _used(moment: str | None) -> str:
    return "never" if moment is None else f"{moment[:10]} {moment[11:16]}"


def _limits(key: Key) -> str:
    """Return a key's own limits in words."""
    asked = "" if key.requests_per_minute is None else f"{key.requests_per_minute:,} requests a minute"
    kept = "" if key.max_tags is None else f"{key.max_tags:,} tags"
    return ", ".join(filter(None, (asked, kept)))


@keys.command()
@click.argument("key")
@shell_command
def revoke(shell: Shell, key: str) -> None:
    """Revoke KEY, given by its first characters (as listed) or its id; it stops working within a second.

    \b
    Example:
      earmark keys revoke ek_1a2b3c4d
    """
    from classifier.records import keys as stored

    with shell.store() as store:
        gone = stored.revoke(store, key.rstrip("…"))
    shell.remark(f"revoked {gone.prefix}… ({gone.name})")
    if shell.as_json:
        shell.emit(gone.to_dict())
