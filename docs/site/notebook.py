"""A notebook, kept as Markdown, executed for the site: its page, its figures, and the notebook to download."""

from __future__ import annotations

import base64
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

#: Seconds that one cell may take.
_PATIENCE_S = 300
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def executed(path: Path) -> dict[str, str | bytes]:
    """Execute a notebook in an empty folder.

    Parameters
    ----------
    path : Path
        Markdown that jupytext reads. A code block's ``alt="..."`` describes the figure that it draws.

    Returns
    -------
    dict of str to str or bytes
        Files by name: the page with what each cell printed and drew, figures as PNG, and the notebook.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    ValueError
        If a figure has no description.
    """
    made = jupytext.read(path)
    root = str(Path(__file__).parents[2])
    with tempfile.TemporaryDirectory() as folder:
        own = {**os.environ, "EARMARK_DATA_DIR": f"{folder}/data", "PYTHONPATH": root, "PYTHONWARNINGS": "ignore"}
        client = NotebookClient(
            made,
            timeout=_PATIENCE_S,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        client.execute(env=own)
    files: dict[str, str | bytes] = {}
    parts = [_cell(cell, path.stem, files) for cell in made.cells]
    notebook = f"{path.stem}.ipynb"
    parts.append(f"[This page as a notebook]({notebook}), executed.")
    files[path.name] = "\n\n".join(part for part in parts if part) + "\n"
    files[notebook] = nbformat.writes(_same_each_time(made))
    return files


def _cell(cell: Any, stem: str, files: dict[str, str | bytes]) -> str:
    if cell.cell_type != "code":
        return str(cell.source)
    parts = [f"```python\n{cell.source}\n```"]
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            alt = cell.metadata.get("alt")
            if not alt:
                raise ValueError(
                    f'a figure has no description: write alt="..." after ```python of {cell.source[:60]!r}'
                )
            name = f"{stem}-{sum(file.endswith('.png') for file in files) + 1}.png"
            files[name] = base64.b64decode(data["image/png"])
            parts.append(f"![{alt}]({name})")
        else:
            text = _ESCAPES.sub("", output.get("text") or data.get("text/plain", ""))
            parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts)


def _same_each_time(made: Any) -> Any:
    """Number cells, whose names are otherwise drawn by chance."""
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"
    return made
