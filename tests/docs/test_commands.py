"""Commands that the documents name exist, their options too, and the Python snippets run."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from classifier.cli import main
from classifier.demo.phone import record, write_wav
from tests.docs.test_links import DOCUMENTS, ROOT

_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`((?:earmark|make|python -m) [^`\n…]+)`")
_END = re.compile(r"\s*(?:\||>|&&|;).*")


def blocks(path: Path, language: str) -> list[str]:
    """Code blocks of a language."""
    return [text for kind, text in _BLOCK.findall(path.read_text()) if kind == language]


def shell_lines() -> list[tuple[str, str]]:
    """Every shell line of the documents, in blocks and in the text, with the document's name."""
    found = []
    for path in DOCUMENTS:
        lines = [line for block in blocks(path, "sh") for line in block.replace("\\\n", " ").splitlines()]
        found += [(path.name, line.strip()) for line in lines if line.strip()]
        found += [(path.name, line) for line in _INLINE.findall(_BLOCK.sub("", path.read_text()))]
    return found


def beginning(word: str) -> list[tuple[str, str]]:
    return [(name, line) for name, line in shell_lines() if line.split("#")[0].split()[:1] == [word]]


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """The click command that a line calls, and what is left of the line."""
    command: click.Command = main
    while isinstance(command, click.Group):
        options = [word for word in words if not word.startswith("-")]
        if not options:
            return command, words
        child = command.get_command(click.Context(command), options[0])
        assert child is not None, f"there is no command {options[0]!r}"
        words = words[words.index(options[0]) + 1 :]
        command = child
    return command, words


@pytest.mark.parametrize(("document", "line"), beginning("earmark"))
def test_earmark_commands_exist(document: str, line: str) -> None:
    command, rest = resolved(shlex.split(_END.sub("", line.partition(" #")[0]))[1:])
    known = {
        flag for parameter in (*command.params, *main.params) for flag in parameter.opts + parameter.secondary_opts
    }
    for word in rest:
        if word.startswith("--"):
            assert word.partition("=")[0] in known | {"--help"}, f"{document}: {line}: no such option {word}"


def test_every_command_has_help_with_an_example() -> None:
    def walk(command: click.Command, words: list[str]) -> None:
        result = CliRunner().invoke(main, [*words, "--help"])
        assert result.exit_code == 0, result.output
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                child = command.get_command(click.Context(command), name)
                assert child is not None
                walk(child, [*words, name])

    walk(main, [])


@pytest.mark.parametrize(("document", "line"), beginning("make"))
def test_make_targets_exist(document: str, line: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for word in shlex.split(line.partition("#")[0])[1:]:
        assert "=" in word or word in targets, f"{document}: make has no target {word}"


@pytest.mark.parametrize(
    ("document", "module"),
    sorted({(name, match[1]) for name, line in shell_lines() if (match := re.match(r"python3? -m ([\w.]+)", line))}),
)
def test_modules_exist(document: str, module: str) -> None:
    assert importlib.util.find_spec(module), f"{document}: there is no module {module}"


def test_readme_names_the_two_first_commands_word_for_word() -> None:
    lines = [block.strip() for block in blocks(ROOT / "README.md", "sh")]
    assert "make demo" in lines
    assert "make test" in lines


SNIPPETS = [
    pytest.param(path, text, id=f"{path.name}-{i}")
    for path in (ROOT / "README.md", ROOT / "docs" / "guide.md", ROOT / "docs" / "operations.md")
    for i, text in enumerate(blocks(path, "python"))
]


@pytest.mark.parametrize(("path", "text"), SNIPPETS)
def test_python_snippets_run(
    path: Path, text: str, tmp_path: Path, music_files: list[Path], enrolled_songs: list
) -> None:
    """In a folder with some music and a recording of the first song, in a fresh interpreter."""
    (tmp_path / "music").mkdir()
    for file in music_files[:3]:
        (tmp_path / "music" / file.name).symlink_to(file)
    song = enrolled_songs[0]
    heard = record(song.samples, song.sample_rate, 4.0, 5.0, snr_db=10.0, seed=2)
    write_wav(tmp_path / "snippet.wav", heard, song.sample_rate)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    run = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert song.title in run.stdout


def test_the_researchers_snippet_runs() -> None:
    (text,) = blocks(ROOT / "docs" / "start-research.md", "python")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(text)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert re.match(r"10\.0\d s, log10 E = -\d+\n\(26, 26\) nats", run.stdout), run.stdout


def test_the_readme_has_a_python_snippet() -> None:
    assert any(parameter.values[0].name == "README.md" for parameter in SNIPPETS)


def test_the_backup_of_the_operations_guide_is_a_whole_store(tmp_path: Path) -> None:
    from classifier.store import open_store

    store = open_store(f"sqlite:///{tmp_path}/earmark.sqlite")
    store.ensure_schema()
    store.insert("jobs", [{"_id": "one", "status": "done", "created": "2026-01-01T00:00:00.000Z"}])
    line = next(block for block in blocks(ROOT / "docs" / "operations.md", "sh") if "source.backup" in block)
    words = shlex.split(line.replace("\\\n", " "))
    target = tmp_path / "backup.sqlite"
    subprocess.run([sys.executable, *words[1:3], str(tmp_path / "earmark.sqlite"), str(target)], check=True)
    store.close()
    copy = open_store(f"sqlite:///{target}")
    assert copy.get("jobs", "one") is not None
    copy.close()
