"""What is playing, told to an MQTT broker in a way that Home Assistant finds by itself.

Topics, below the address's path (``earmark`` if it has none): ``state``, retained, holds what is playing now as
JSON; ``event`` gets each change; ``availability``, retained, is ``online`` or ``offline``, the last also if this
process dies. The sensor announces itself below ``homeassistant``, or below what the address's query says:
``?discovery=PREFIX``.

Sources: MQTT 3.1.1 (OASIS, 2014); https://www.home-assistant.io/integrations/mqtt, "MQTT discovery".
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from classifier import __version__
from classifier.cli.announcing import facts
from classifier.errors import InvalidParameter, Unavailable
from classifier.extras import needing
from classifier.listening.exports import name_of
from classifier.listening.playing import Playing
from classifier.listening.segments import Event
from classifier.settings import mask_url

#: Seconds that a broker may take to answer.
_ANSWER_S = 10.0
#: Most characters of a sensor's state in Home Assistant.
_STATE_CHARACTERS = 255
#: What the sensor says while nothing is playing.
IDLE = "idle"
_LEVEL = re.compile(r"[^+#\x00-\x1f/]+(?:/[^+#\x00-\x1f/]+)*")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to report to.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        TCP.
    tls : bool
        Whether the connection is encrypted, and the broker's certificate checked.
    user, password : str or None
        For the broker.
    topic : str
        Below which everything is told.
    discovery : str
        Below which Home Assistant looks for sensors.
    shown : str
        The address for people, without the password.
    """

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None
    topic: str
    discovery: str
    shown: str

    @classmethod
    def parse(cls, url: str) -> Broker:
        """Read ``mqtt://[USER:PASSWORD@]HOST[:PORT][/TOPIC][?discovery=PREFIX]``; ``mqtts`` encrypts.

        Raises
        ------
        InvalidParameter
            Naming what is wrong, but no password.
        """
        shown = mask_url(url)
        usage = f"the broker is {shown!r}: write mqtt://USER:PASSWORD@HOST:PORT/TOPIC, or mqtts:// for TLS"
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname
        except ValueError:
            raise InvalidParameter(usage) from None
        query = parse_qs(parts.query, keep_blank_values=True)
        if parts.scheme not in ("mqtt", "mqtts") or not host or parts.fragment or set(query) - {"discovery"}:
            raise InvalidParameter(usage)
        topic = unquote(parts.path.strip("/")) or "earmark"
        discovery = query.get("discovery", ["homeassistant"])[0].strip("/")
        for text in (topic, discovery):
            if not _LEVEL.fullmatch(text):
                raise InvalidParameter(f"{text!r} is no MQTT topic: leave out +, # and empty levels")
        user, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
        tls = parts.scheme == "mqtts"
        return cls(host, port or (8883 if tls else 1883), tls, user, password, topic, discovery, shown)

    @property
    def sensor(self) -> str:
        """What tells the sensor from others of the same Home Assistant."""
        return re.sub(r"[^A-Za-z0-9_-]", "_", self.topic)


class Mqtt:
    """Tells a broker what is playing; goes on by itself when the connection breaks.

    Parameters
    ----------
    url : str
        As :meth:`Broker.parse` reads it.
    name : str
        What Home Assistant calls the device.
    note : callable
        Takes what is worth telling a person: that the broker is gone, and that it is back.

    Raises
    ------
    InvalidParameter
        If it is no address of a broker.
    InvalidConfig
        If the package paho-mqtt is missing.
    Unavailable
        If the broker does not let us in.
    """

    def __init__(self, url: str, name: str, note: Callable[[str], None]) -> None:
        self._broker = broker = Broker.parse(url)
        self._name = name
        self._note = note
        self._playing = Playing()
        self._answered = threading.Event()
        self._refused: str | None = None
        self._closing = False
        paho = _library()
        self._client = client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        client.will_set(f"{broker.topic}/availability", "offline", qos=1, retain=True)
        client.reconnect_delay_set(1, 60)
        client.max_queued_messages_set(1000)
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            client.tls_set()
        try:
            client.connect(broker.host, broker.port, keepalive=60)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise Unavailable(f"the broker {broker.shown} does not answer ({reason}): check host and port") from None
        client.loop_start()
        if not self._answered.wait(_ANSWER_S):
            self._stop()
            raise Unavailable(f"{broker.shown} does not answer as a broker does: check host and port")
        if self._refused is not None:
            self._stop()
            raise Unavailable(f"the broker {broker.shown} refuses us ({self._refused}): check user and password")

    def take(self, event: Event) -> None:
        """Publish the change, and what is playing now if that is another."""
        self._publish("event", json.dumps(event.to_dict(), ensure_ascii=False))
        if self._playing.take(event):
            self._publish_state()

    def close(self) -> None:
        """Say that nothing is playing and that we go, and wait until the broker knows."""
        self._closing = True
        self._playing = Playing()
        self._publish_state()
        last = self._publish("availability", "offline", retain=True)
        with contextlib.suppress(ValueError, RuntimeError):
            last.wait_for_publish(_ANSWER_S)
        self._stop()

    def _stop(self) -> None:
        self._closing = True
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, topic: str, payload: str, *, retain: bool = False) -> Any:
        return self._client.publish(f"{self._broker.topic}/{topic}", payload, qos=1, retain=retain)

    def _publish_state(self) -> None:
        current = self._playing.current
        state = name_of(current)[:_STATE_CHARACTERS] if current else IDLE
        self._publish("state", json.dumps({"state": state, **facts(current)}, ensure_ascii=False), retain=True)

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refused = str(reason)
        else:
            # At every connection: the broker may have forgotten what it retained.
            discovery = f"{self._broker.discovery}/sensor/{self._broker.sensor}/config"
            config = json.dumps(discovery_config(self._broker, self._name), ensure_ascii=False)
            self._client.publish(discovery, config, qos=1, retain=True)
            self._publish("availability", "online", retain=True)
            self._publish_state()
            if self._answered.is_set():
                self._note("the MQTT broker is back")
        self._answered.set()

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, _reason: Any, _properties: Any) -> None:
        if not self._closing and self._refused is None:
            self._note("the MQTT broker is gone; trying again")


def discovery_config(broker: Broker, name: str) -> Mapping[str, Any]:
    """Return what makes Home Assistant add a sensor for what is playing."""
    return {
        "name": "Now playing",
        "unique_id": f"earmark_{broker.sensor}_now_playing",
        "object_id": f"{broker.sensor}_now_playing",
        "state_topic": f"{broker.topic}/state",
        "value_template": "{{ value_json.state }}",
        "json_attributes_topic": f"{broker.topic}/state",
        "availability_topic": f"{broker.topic}/availability",
        "icon": "mdi:music",
        "device": {
            "identifiers": [f"earmark_{broker.sensor}"],
            "name": name,
            "manufacturer": "Earmark",
            "sw_version": __version__,
        },
        "origin": {"name": "Earmark", "sw_version": __version__},
    }


def _library() -> Any:
    with needing("mqtt", "telling an MQTT broker"):
        from paho.mqtt import client
    return client
