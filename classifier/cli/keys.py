"""``earmark keys``: who may tag, and who may change the library, over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from classifier.config import Settings
from classifier.errors import EarmarkError
from classifier.store import open_store
from classifier.store.base import Store


@contextmanager
def _store(context: click.Context, url: str | None) -> Iterator[Store]:
    """Open the store, and turn what goes wrong into a message."""
    try:
        settings = Settings.from_environment(os.environ, store=url or context.find_root().params.get("store"))
        store = open_store(settings.store)
        try:
            store.ensure_schema()
            yield store
        finally:
            store.close()
    except EarmarkError as error:
        raise click.ClickException(str(error)) from None


_store_option = click.option("--store", "url", help="Store URL; else EARMARK_STORE.")


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
    help="tag: phones; admin: the library too.",
)
@_store_option
@click.pass_context
def create(context: click.Context, name: str, role: str, url: str | None) -> None:
    """Create a key called NAME and print it, once."""
    from classifier.api import keys as stored

    with _store(context, url) as store:
        key, secret = stored.create(store, name, role)
    click.echo(f"key {key.prefix}… for {key.name!r}, role {key.role}; it is shown this once:", err=True)
    click.echo(secret)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_store_option
@click.pass_context
def list_keys(context: click.Context, as_json: bool, url: str | None) -> None:
    """List the keys, without their secrets."""
    from classifier.api import keys as stored

    with _store(context, url) as store:
        found = stored.listed(store)
    for key in found:
        click.echo(
            json.dumps(key.to_dict()) if as_json else f"{key.prefix}…  {key.role:5}  {key.created[:10]}  {key.name}"
        )
    if not found and not as_json:
        click.echo("no keys: the service is open to this machine, and to no other", err=True)


@keys.command()
@click.argument("key")
@_store_option
@click.pass_context
def revoke(context: click.Context, key: str, url: str | None) -> None:
    """Revoke a KEY, named by its first characters (as listed) or its id; it stops working within a second."""
    from classifier.api import keys as stored

    with _store(context, url) as store:
        gone = stored.revoke(store, key.rstrip("…"))
    click.echo(f"revoked {gone.prefix}… ({gone.name})", err=True)
