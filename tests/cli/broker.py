"""An MQTT broker in a process of its own, and a subscriber that shares the client library with what is tested."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from pwdlib.hashers.argon2 import Argon2Hasher

from tests.places import start
from tests.servers import Server, ServerMissing
from tests.waiting import until


class Running(Server):
    """A broker that can be stopped and started again on its port.

    Parameters
    ----------
    folder : Path
        Its files.
    user, password : str, optional
        Only this user is let in; default: everybody.
    """

    def __init__(self, folder: Path, user: str = "", password: str = "") -> None:
        super().__init__(folder)
        self.user, self.password = user, password

    @property
    def url(self) -> str:
        """Its address."""
        return f"mqtt://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False


class Amqtt(Running):
    """The Python broker of the tests' requirements."""

    def command(self) -> Sequence[str]:
        """Return the command line."""
        plugin: dict[str, Any] = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        if self.user:
            passwords = self.folder / "passwords"
            passwords.write_text(f"{self.user}:{Argon2Hasher().hash(self.password)}\n")
            plugin = {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(passwords)}}
        listener = {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}
        config = self.folder / "config.yaml"
        # JSON is YAML.
        config.write_text(json.dumps({"listeners": {"default": listener}, "plugins": plugin}))
        return [str(Path(sys.executable).parent / "amqtt"), "-c", str(config)]


class Mosquitto(Running):
    """Eclipse Mosquitto, which most homes run; a package of Debian's."""

    def command(self) -> Sequence[str]:
        """Return the command line."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise ServerMissing("no mosquitto: install Debian's package")
        lines = [f"listener {self.port} 127.0.0.1", "persistence false"]
        # As root it would become a user who cannot read the passwords.
        lines += [f"user {pwd.getpwuid(os.getuid()).pw_name}", f"allow_anonymous {str(not self.user).lower()}"]
        if self.user:
            passwords = self.folder / "passwords"
            hashing = ["mosquitto_passwd", "-b", "-c", str(passwords), self.user, self.password]
            subprocess.run(hashing, check=True, capture_output=True)
            lines.append(f"password_file {passwords}")
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return [program, "-c", str(config)]


@contextlib.contextmanager
def broker(program: type[Running], folder: Path, user: str = "", password: str = "") -> Iterator[Running]:
    """Run a broker for the length of a block."""
    running = program(folder, user, password)
    start(running)
    try:
        yield running
    finally:
        running.kill()


class Subscriber:
    """Hears everything that a broker passes on."""

    def __init__(self, running: Running) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        subscribed = threading.Event()
        self._client.on_message = lambda _c, _u, m: self.messages.append((m.topic, m.payload.decode(), m.retain))
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", running.port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()
        assert subscribed.wait(10)

    def last(self, topic: str) -> str | None:
        """Return the newest payload of a topic."""
        return next((payload for name, payload, _ in reversed(self.messages) if name == topic), None)

    def json(self, topic: str) -> Any:
        """Return the newest payload of a topic as an object, once there is one."""
        return json.loads(until(lambda: self.last(topic)))

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def subscribed(running: Running) -> Iterator[Subscriber]:
    """Hear everything for the length of a block."""
    subscriber = Subscriber(running)
    try:
        yield subscriber
    finally:
        subscriber.close()
