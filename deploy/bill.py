"""Write the bill of materials of Earmark, in CycloneDX 1.5: what it is made of, with versions, licences and hashes.

    python deploy/bill.py --wheel dist/earmark-*.whl --page web/package-lock.json > dist/earmark.cdx.json
    python deploy/bill.py > /app/earmark.cdx.json                      # of the image's environment

The packages are those that the running environment has of everything that Earmark asks for, its extras included, and
of what these ask for in turn. With ``--page``, the libraries inside the built page are added, from its lock file. Data
that ship (background, network, cohort, models of labels) are listed with their SHA-256, because no package says what
they are. The same environment gives the same bytes: the time is ``SOURCE_DATE_EPOCH``, else left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email import message_from_string
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

import classifier

NAME = "earmark"
DATA = Path(classifier.__file__).parent / "data"


def plain(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def stated(wheel: Path | None) -> Message:
    """Return what a wheel of Earmark states about itself, or the installed package if there is no wheel."""
    if wheel is None:
        return metadata.metadata(NAME)  # type: ignore[return-value] - a Message, by a narrower protocol
    with zipfile.ZipFile(wheel) as file:
        (path,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(file.read(path).decode())


def requirements(texts: Iterable[str], extras: set[str]) -> Iterator[Requirement]:
    """Yield what a package asks for here, of the lines of its metadata, with some of its extras."""
    for text in texts:
        found = Requirement(text)
        if found.marker is None or any(found.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield found


def closure(about: Message) -> dict[str, set[str]]:
    """Return every installed package that Earmark needs, by name, and which ones each of them asks for itself."""
    extras = set(about.get_all("Provides-Extra") or ())
    graph: dict[str, set[str]] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(NAME, frozenset(extras))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, own = waiting.pop()
        if (name, own) in seen:
            continue
        seen.add((name, own))
        needs = graph.setdefault(name, set())
        lines = about.get_all("Requires-Dist") if name == NAME else metadata.requires(name)
        for found in requirements(lines or (), set(own)):
            other = plain(found.name)
            try:
                metadata.version(other)
            except metadata.PackageNotFoundError:
                continue  # of an extra that is not installed here
            needs.add(other)
            waiting.append((other, frozenset(found.extras)))
    return graph


def licences(facts: Message) -> list[dict[str, Any]]:
    """Return what a package says of its licence: an SPDX expression, else names from its classifiers or its field."""
    if expression := facts.get("License-Expression"):
        return [{"expression": expression}]
    found = [line.rpartition(" :: ")[2] for line in facts.get_all("Classifier") or () if line.startswith("License ::")]
    text = (facts.get("License") or "").strip()
    if not found and text and "\n" not in text:
        found = [text[:100]]
    return [{"license": {"name": name}} for name in found]


def of_package(facts: Message) -> dict[str, Any]:
    """Return the component of a package that states this."""
    name, version = plain(facts["Name"]), facts["Version"]
    purl = f"pkg:pypi/{name}@{version}"
    return {
        **{"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl},
        **({"licenses": licences(facts)} if licences(facts) else {}),
    }


def of_page(lock: Path) -> list[dict[str, Any]]:
    """Return the components of the libraries that the built page holds."""
    packages = json.loads(lock.read_text("utf-8"))["packages"]
    found = []
    for path, facts in sorted(packages.items()):
        if not path or facts.get("dev"):
            continue
        name = path.rpartition("node_modules/")[2]
        purl = f"pkg:npm/{name.replace('@', '%40')}@{facts['version']}"
        found.append(
            {
                **{"type": "library", "bom-ref": purl, "name": name, "version": facts["version"], "purl": purl},
                **({"licenses": [{"expression": facts["license"]}]} if "license" in facts else {}),
            }
        )
    return found


def of_file(path: Path, name: str, kind: str) -> dict[str, Any]:
    """Return the component of a file that is part of the package, with its hash."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"type": kind, "bom-ref": name, "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}


def bill(wheel: Path | None = None, page: Path | None = None) -> dict[str, Any]:
    """Return the bill of materials as a JSON object."""
    about = stated(wheel)
    graph = closure(about)
    root = of_package(about) | {"type": "application"}
    if wheel is not None:
        root |= {"hashes": of_file(wheel, wheel.name, "file")["hashes"]}
    data = [path for path in sorted(DATA.rglob("*")) if path.is_file() and path.suffix in (".npz", ".json")]
    files = [of_file(path, f"classifier/data/{path.relative_to(DATA).as_posix()}", "data") for path in data]
    libraries = of_page(page) if page is not None else []
    installed = {name: metadata.metadata(name) for name in sorted(graph) if name != NAME}
    packages = {name: of_package(facts) for name, facts in installed.items()}  # type: ignore[arg-type]
    refs = {NAME: root["bom-ref"], **{name: found["bom-ref"] for name, found in packages.items()}}
    depends = [{"ref": refs[name], "dependsOn": sorted(refs[other] for other in graph[name])} for name in sorted(graph)]
    depends[[each["ref"] for each in depends].index(refs[NAME])]["dependsOn"] += [
        each["bom-ref"] for each in (*libraries, *files)
    ]
    made: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": root},
        "components": [*packages.values(), *libraries, *files],
        "dependencies": depends,
    }
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        made["metadata"]["timestamp"] = datetime.fromtimestamp(int(epoch), UTC).isoformat()
    content = json.dumps(made, sort_keys=True)
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}", **made}


def main() -> None:
    """Print the bill of materials."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="wheel whose hash and requirements to state")
    parser.add_argument("--page", type=Path, help="lock file of the page: web/package-lock.json")
    options = parser.parse_args()
    print(json.dumps(bill(options.wheel, options.page), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
