"""``earmark listen --mqtt``: the real client against real brokers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from classifier.cli.mqtt import Broker, Mqtt, discovery_config
from classifier.errors import InvalidConfig, InvalidParameter, Unavailable
from classifier.listening.segments import Event, Segment
from tests.cli.broker import Amqtt, Mosquitto, Running, broker, subscribed
from tests.servers import free_port
from tests.waiting import until

TITLE = 'Ünï "quoted", {{ template }}'


@pytest.fixture(params=[Amqtt, Mosquitto], ids=lambda program: program.__name__.lower())
def program(request: pytest.FixtureRequest) -> type[Running]:
    """Brokers that share no code."""
    found: type[Running] = request.param
    return found


def confirmed(number: int = 1, state: str = "confirmed", kind: str = "confirmed", **more: Any) -> Event:
    values: dict[str, Any] = {"title": TITLE, "artist": "A", "offset_s": 3.0, "speed": 1.0, "confidence": 0.99, **more}
    segment = Segment(
        id=str(number),
        start_s=10.0 * number,
        end_s=10.0 * number + 5,
        kind="track",
        track_id="t",
        state=state,
        **values,
    )
    return Event(kind, 10.0 * number + 5, segment)


def test_what_plays_is_told_and_home_assistant_finds_it(program: type[Running], tmp_path: Path) -> None:
    with broker(program, tmp_path) as running, subscribed(running) as heard:
        announcer = Mqtt(f"{running.url}/bar/room", "The bar", lambda text: None)
        config = heard.json("homeassistant/sensor/bar_room/config")
        assert config["state_topic"] == config["json_attributes_topic"] == "bar/room/state"
        assert (config["device"]["name"], config["availability_topic"]) == ("The bar", "bar/room/availability")
        assert until(lambda: heard.last("bar/room/availability")) == "online"
        assert heard.json("bar/room/state") == {"state": "idle"}

        announcer.take(confirmed())
        state = until(lambda: (s := heard.json("bar/room/state"))["state"] != "idle" and s)
        assert (state["state"], state["title"], state["start_s"]) == (f"A - {TITLE}", TITLE, 10.0)
        assert heard.json("bar/room/event") == confirmed().to_dict()

        with subscribed(running) as late:  # who comes later hears what is playing, and finds the sensor
            assert late.json("bar/room/state") == state
            assert late.json("homeassistant/sensor/bar_room/config") == config
        announcer.close()
        assert until(lambda: heard.last("bar/room/availability") == "offline")
        assert heard.json("bar/room/state") == {"state": "idle"}


def test_the_broker_hears_only_of_what_is_certain(program: type[Running], tmp_path: Path) -> None:
    with broker(program, tmp_path) as running, subscribed(running) as heard:
        announcer = Mqtt(f"{running.url}", "e", lambda text: None)
        announcer.take(confirmed(1, state="perhaps", kind="opened"))
        announcer.take(confirmed(1))
        announcer.take(confirmed(2, title="Second"))
        announcer.take(confirmed(2, state="closed", kind="closed"))
        announcer.close()
        until(lambda: heard.last("earmark/availability") == "offline")
        states = [json.loads(p)["state"] for topic, p, _ in heard.messages if topic == "earmark/state"]
        assert states == ["idle", f"A - {TITLE}", "A - Second", f"A - {TITLE}", "idle"]
        assert len([1 for topic, *_ in heard.messages if topic == "earmark/event"]) == 4


def test_a_broker_that_comes_back_is_told_again(program: type[Running], tmp_path: Path) -> None:
    notes: list[str] = []
    with broker(program, tmp_path) as running:
        announcer = Mqtt(running.url, "e", notes.append)
        announcer.take(confirmed())
        running.kill()
        until(lambda: notes)
        running.start()
        with subscribed(running) as heard:
            assert until(lambda: (s := heard.json("earmark/state"))["state"] != "idle" and s)["title"] == TITLE
            assert heard.last("earmark/availability") == "online"
            announcer.close()
    assert notes == ["the MQTT broker is gone; trying again", "the MQTT broker is back"]


def test_passwords(program: type[Running], tmp_path: Path) -> None:
    with broker(program, tmp_path, "me", "s3cret/") as running:
        address = f"127.0.0.1:{running.port}"
        Mqtt(f"mqtt://me:s3cret%2F@{address}", "e", lambda text: None).close()
        with pytest.raises(Unavailable, match="refuses us") as caught:
            Mqtt(f"mqtt://me:guessed@{address}", "e", lambda text: None)
        assert "guessed" not in str(caught.value)


def test_no_broker() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        Mqtt(f"mqtt://127.0.0.1:{free_port()}", "e", lambda text: None)


@pytest.mark.parametrize(
    "url",
    [
        "http://h/x",
        "mqtt://",
        "mqtt://h:99999/x",
        "mqtt://h/a#b",
        "mqtt://h/x?qos=1",
        "mqtt://h/a/+/b",
        "mqtt://h/a//b",
    ],
)
def test_what_is_no_broker(url: str) -> None:
    with pytest.raises(InvalidParameter):
        Broker.parse(url)


def test_addresses() -> None:
    found = Broker.parse("mqtts://me:p%40ss@host/a/b?discovery=ha")
    assert (found.host, found.port, found.tls, found.user, found.password) == ("host", 8883, True, "me", "p@ss")
    assert (found.topic, found.discovery, found.sensor) == ("a/b", "ha", "a_b")
    assert "p%40ss" not in found.shown
    assert Broker.parse("mqtt://host").topic == "earmark"


def test_the_sensor_is_described_as_home_assistant_asks() -> None:
    """Required and bounded fields of MQTT discovery: https://www.home-assistant.io/integrations/sensor.mqtt."""
    config = discovery_config(Broker.parse("mqtt://h/a"), "n")
    assert config["state_topic"]
    assert config["unique_id"] == "earmark_a_now_playing"
    assert config["device"]["identifiers"]
    assert config["origin"]["name"] == "Earmark"
    assert json.loads(json.dumps(config)) == config


def test_a_state_is_as_short_as_home_assistant_wants_it(program: type[Running], tmp_path: Path) -> None:
    with broker(program, tmp_path) as running, subscribed(running) as heard:
        announcer = Mqtt(running.url, "e", lambda text: None)
        announcer.take(confirmed(title="x" * 400))
        state = until(lambda: (s := heard.json("earmark/state"))["state"] != "idle" and s)
        assert (len(state["state"]), len(state["title"])) == (255, 400)
        announcer.close()


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt", None)
    with pytest.raises(InvalidConfig, match=r"pip install 'earmark\[mqtt\]'"):
        Mqtt("mqtt://127.0.0.1", "e", lambda text: None)
