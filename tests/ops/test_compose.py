"""The composition as ``docker compose config`` resolves it, and what the linter of ``docker build`` says; no engine."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ops_dockerfile import parse
from ops_tools import built

from classifier.settings import Settings
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = "github.com/docker/compose/v2/cmd"
PASSWORDS = {"MONGO_ROOT_PASSWORD": "for root", "MONGO_PASSWORD": "for earmark"}


Config = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """``docker compose config`` with an environment: no ``.env``, and of this machine only what finds programs.

    Compose lies where the docker client looks first. Where there is no client it runs by itself, which is the same.
    """
    folder = tmp_path_factory.mktemp("docker")
    program = folder / "cli-plugins" / "docker-compose"
    program.parent.mkdir()
    program.symlink_to(built("containers", COMPOSE))
    docker = shutil.which("docker")
    command = [str(program)] if docker is None else [docker, "--config", str(folder), "compose"]

    def run(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": os.environ["PATH"], "COMPOSE_DISABLE_ENV_FILE": "1", **environment}
        return subprocess.run([*command, "config", *options], env=own, cwd=ROOT, capture_output=True, text=True)

    return run


def resolved(config: Config, environment: dict[str, str]) -> dict[str, Any]:
    """Return the composition as Compose sees it."""
    done = config(environment, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    # What is printed is a compose file again: its dollar signs are doubled.
    project: dict[str, Any] = json.loads(done.stdout.replace("$$", "$"))
    return project


@pytest.fixture(scope="module")
def project(config: Config) -> dict[str, Any]:
    """The composition with passwords and everything else at its default."""
    return resolved(config, PASSWORDS)


def test_docker_takes_the_composition(config: Config) -> None:
    done = config(PASSWORDS, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_docker_s_linter_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run([built("containers"), str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a:1 as b\nENV A b\nCMD ls\n")
    command = [built("containers"), str(tmp_path / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert {line.split(": ")[1] for line in done.stdout.splitlines()} == {
        "FromAsCasing",
        "LegacyKeyValueFormat",
        "JSONArgsRecommended",
    }


@pytest.mark.parametrize("missing", PASSWORDS)
def test_passwords_have_no_default(config: Config, missing: str) -> None:
    others = {name: value for name, value in PASSWORDS.items() if name != missing}
    for environment in (others, {**others, missing: ""}):
        done = config(environment, "--quiet")
        assert done.returncode != 0
        assert f"set {missing}" in done.stderr


def test_passwords_come_from_the_environment(project: dict[str, Any]) -> None:
    given = {name: service["environment"] for name, service in project["services"].items()}
    assert given["mongo"]["MONGO_INITDB_ROOT_PASSWORD"] == PASSWORDS["MONGO_ROOT_PASSWORD"]
    assert given["mongo-setup"] == PASSWORDS
    assert [name for name, values in given.items() if PASSWORDS["MONGO_PASSWORD"] in str(values)] == [
        "app",
        "mongo-setup",
    ]


def test_every_service_is_confined(project: dict[str, Any]) -> None:
    assert set(project["services"]) == {"mongo", "mongo-setup", "app"}
    for name, service in project["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service.get("privileged")
        assert service.get("restart") == ("no" if name == "mongo-setup" else "unless-stopped")
        assert re.fullmatch(r"mongo:\d+\.\d+\.\d+-\w+|earmark:\d+\.\d+", service["image"])
        assert "healthcheck" in service
        user = service.get("user") or next(
            s.text for s in parse((ROOT / "Dockerfile").read_text()) if s.keyword == "USER"
        )
        assert not user.startswith(("0", "root"))


def test_only_the_service_is_reachable_and_only_from_here(config: Config, project: dict[str, Any]) -> None:
    services = project["services"]
    assert "ports" not in services["mongo"]
    (port,) = services["app"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8000", 8000)
    assert project["networks"]["store"]["internal"] is True
    assert set(services["mongo"]["networks"]) == {"store"}
    other = resolved(config, {**PASSWORDS, "APP_PUBLISH": "0.0.0.0:443"})
    assert other["services"]["app"]["ports"][0]["published"] == "443"


def test_data_outlives_containers(project: dict[str, Any]) -> None:
    kept = {
        (name, volume["source"], volume["target"])
        for name, service in project["services"].items()
        for volume in service.get("volumes", [])
    }
    assert kept == {
        ("mongo", "mongo-data", "/data/db"),
        ("mongo", "mongo-config", "/data/configdb"),
        ("app", "data", "/data"),
    }
    assert project["services"]["app"]["hostname"] == "earmark"


def test_order_of_starting(project: dict[str, Any]) -> None:
    needs = project["services"]["app"]["depends_on"]
    assert needs["mongo"]["condition"] == "service_healthy"
    assert needs["mongo-setup"]["condition"] == "service_completed_successfully"
    assert project["services"]["mongo-setup"]["depends_on"]["mongo"]["condition"] == "service_started"


def test_the_settings_are_settings(project: dict[str, Any]) -> None:
    """What the service is given is taken; the replica set and the user are those that are set up."""
    given = project["services"]["app"]["environment"]
    settings = Settings.from_environment({**given, "EARMARK_DATA_DIR": "/data"})
    assert settings.allowed_hosts == ("localhost", "127.0.0.1")
    setup = (ROOT / "deploy" / "mongo_setup.py").read_text()
    name = re.search(r'REPLICA_SET = USER = DATABASE = "(\w+)"', setup)
    assert name is not None
    assert given["EARMARK_STORE"].startswith(f"mongodb://{name[1]}:for earmark@mongo:27017/{name[1]}?")
    assert given["EARMARK_STORE"].endswith(f"replicaSet={name[1]}")
    assert f"--replSet {name[1]} " in project["services"]["mongo"]["entrypoint"][-1]


def test_the_key_of_the_replica_set_is_made_once(project: dict[str, Any], tmp_path: Path) -> None:
    shell, options, script = project["services"]["mongo"]["entrypoint"]
    (tmp_path / "docker-entrypoint.sh").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "docker-entrypoint.sh").chmod(0o755)
    script = script.replace("/data/configdb", str(tmp_path))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    keys = set()
    for _ in range(2):
        done = subprocess.run([shell, options, script], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == f"mongod --replSet earmark --keyFile {tmp_path}/keyfile --bind_ip_all\n"
        keys.add((tmp_path / "keyfile").read_text())
    (key,) = keys
    assert 6 <= len(key) <= 1024
    assert len(base64.b64decode(key, validate=True)) == 600
    assert stat.S_IMODE((tmp_path / "keyfile").stat().st_mode) == 0o600


def test_setting_up_waits_for_the_server_and_says_when_there_is_none(tmp_path: Path) -> None:
    program = tmp_path / "setup.py"
    program.write_text(
        (ROOT / "deploy" / "mongo_setup.py").read_text().replace("PATIENCE_S = 120.0", "PATIENCE_S = 1.0")
    )
    environment = {**PASSWORDS, "PATH": os.environ["PATH"], "MONGO_HOST": f"127.0.0.1:{free_port()}"}
    done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "refused" in done.stderr
    assert "for root" not in done.stderr
