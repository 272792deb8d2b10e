"""``earmark keys``: the keys that allow tagging and changing the library over HTTP."""

from __future__ import annotations

import click

from classifier.cli.common import Shell, shell_command


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
@shell_command
def create(shell: Shell, name: str, role: str) -> None:
    """Create a key called NAME and print it; it is never shown again.

    \b
    Example:
      earmark keys create "me" --role admin
    """
    from classifier.records import keys as stored

    with shell.store() as store:
        key, secret = stored.create(store, name, role)
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
        shell.table(["key", "role", "created", "name"], [[f"{k.prefix}…", k.role, k.created, k.name] for k in found])
    else:
        shell.remark("no keys: the service answers this machine only")


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
