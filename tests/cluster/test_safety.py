"""What may not happen: a public address without encryption, and anything run that somebody has sent."""

from __future__ import annotations

import asyncio
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from click.testing import CliRunner
from distributed.comm import connect
from distributed.protocol.serialize import Pickled, Serialized

from classifier.cli import main
from classifier.cluster import addresses, codec, engine
from classifier.cluster.addresses import Address
from classifier.cluster.head import Head, assignment
from classifier.errors import ClusterUnavailable, InvalidConfig
from classifier.settings import Settings
from tests.cluster.processes import Cluster


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.7.7", "169.254.1.1", "::1", "fd00::1"]
)
def test_private_addresses_need_no_encryption(host):
    addresses.check(Address("tcp", host, 8786))


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "8.8.8.8", "172.32.0.1", "192.0.2.1", "100.64.0.1", "2001:4860:4860::8888", "224.0.0.1"]
)
def test_others_do(host):
    with pytest.raises(InvalidConfig, match="tls://"):
        addresses.check(Address("tcp", host, 8786))
    addresses.check(Address("tls", host, 8786))


@pytest.mark.parametrize("text", ["", "10.0.0.1", "http://10.0.0.1", "tcp://", "tcp://host:port", "tcp://10.0.0.1/x"])
def test_an_address_is_one(text):
    with pytest.raises(InvalidConfig):
        addresses.parse(text)


def test_an_address_has_a_port_and_brackets():
    assert str(addresses.parse("tcp://10.0.0.1")) == "tcp://10.0.0.1:8786"
    assert str(addresses.parse("tls://[fd00::1]:77")) == "tls://[fd00::1]:77"


@pytest.mark.parametrize(
    "arguments",
    [
        ["scheduler", "--host", "0.0.0.0"],
        ["worker", "--scheduler", "tcp://8.8.8.8:8786"],
        ["worker", "--scheduler", "tcp://127.0.0.1:8786", "--host", "0.0.0.0"],
        ["identify", "snippet.wav", "--scheduler", "tcp://8.8.8.8:8786"],
        ["enroll", "snippet.wav", "--scheduler", "tcp://8.8.8.8:8786"],
        ["serve", "--port", "0"],
    ],
    ids=" ".join,
)
def test_no_process_starts_where_strangers_could_listen(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("snippet.wav").write_bytes(b"x")
    if arguments[0] == "serve":
        monkeypatch.setenv("EARMARK_SCHEDULER", "tcp://8.8.8.8:8786")
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert "EARMARK_CLUSTER_CERT" in done.output


def test_encryption_needs_certificates():
    with pytest.raises(InvalidConfig, match="EARMARK_CLUSTER_CA, EARMARK_CLUSTER_CERT, EARMARK_CLUSTER_KEY"):
        engine.scheduler_of(Settings(scheduler="tls://10.0.0.1"))
    done = CliRunner().invoke(main, ["scheduler", "--tls"])
    assert done.exit_code == 1
    assert "EARMARK_CLUSTER_KEY" in done.output


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("safety")
    with Cluster(folder, f"sqlite:///{folder}/store.sqlite") as cluster:
        cluster.said = cluster.start_workers(1)
        yield cluster


class Writing:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "run")


def send(address: str, message: dict[str, Any]) -> Any:
    """Send a message as anybody might, and return the answer, or how the connection ended."""

    async def ask() -> Any:
        comm = await connect(address)
        try:
            await comm.write(message)
            return await asyncio.wait_for(comm.read(), 10)
        finally:
            comm.abort()

    try:
        return asyncio.run(ask())
    except (OSError, TimeoutError, ValueError) as ended:  # a head in this process has taught it to refuse pickles
        return ended


def test_nothing_that_is_sent_is_run(cluster, tmp_path):
    """Neither pickles in any of Dask's wrappings, nor code, nor modules, by scheduler and worker."""
    written = tmp_path / "written"
    payload = pickle.dumps(Writing(written))
    assert pickle.loads(pickle.dumps(Writing(tmp_path / "here")))  # it would
    assert (tmp_path / "here").exists()
    wrapped = [
        Pickled({"pickled-obj": payload}, []),
        Serialized({"serializer": "pickle", "compression": [None], "num-sub-frames": 1}, [payload]),
        Serialized({"serializer": "dask", "type": "x", "type-serialized": payload, "num-sub-frames": 0}, []),
    ]
    operations = ["run", "run_function", "run_coroutine", "plugin-add", "register_scheduler_plugin", "actor_execute"]
    messages = [{"op": "identity", "n_workers": one} for one in wrapped]
    messages += [{"op": op, "function": payload, "plugin": payload, "name": "x"} for op in operations]
    messages += [{"op": "upload_file", "filename": "evil.py", "data": f"open({str(written)!r}, 'w')", "load": True}]
    for address in (cluster.url, cluster.said[0]["worker"]):
        for message in messages:
            send(address, message)
            assert not written.exists(), message
        assert send(address, {"op": "identity"})["type"] in ("Scheduler", "Worker")  # and it lives on


def test_only_what_is_needed_is_answered(cluster):
    worker = cluster.said[0]["worker"]
    for address, operation in ((cluster.url, "terminate"), (cluster.url, "restart"), (worker, "terminate")):
        answered = send(address, {"op": operation, "reply": True})
        assert not isinstance(answered, dict) or "error" in str(answered.get("status")), (operation, answered)
        assert send(address, {"op": "identity"})["type"] in ("Scheduler", "Worker")


def certificates(folder: Path) -> dict[str, str]:
    """Make an authority and a certificate signed by it, as the guide says; return the settings that name them."""
    folder.mkdir()
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for command in (
        ["req", "-x509", *curve, "-days", "2", "-subj", "/CN=earmark-ca", "-keyout", "ca.key", "-out", "ca.crt"],
        ["req", *curve, "-subj", "/CN=node1", "-keyout", "node1.key", "-out", "node1.csr"],
        [
            "x509",
            "-req",
            "-in",
            "node1.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "node1.crt",
        ],
    ):
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)
    files = {"ca": "ca.crt", "cert": "node1.crt", "key": "node1.key"}
    return {f"cluster_{name}": str(folder / file) for name, file in files.items()}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
def test_with_encryption_only_who_has_a_certificate_of_the_authority_is_let_in(tmp_path):
    own, foreign = certificates(tmp_path / "own"), certificates(tmp_path / "foreign")
    environment = {f"EARMARK_{name.upper()}": path for name, path in own.items()}
    with Cluster(tmp_path / "cluster", f"sqlite:///{tmp_path}/store.sqlite", environment, tls=True) as cluster:
        said = cluster.start_workers(1)
        assert said[0]["worker"].startswith("tls://")
        with Head(Settings(scheduler=cluster.url, data_dir=str(tmp_path), **own)) as head:
            assert [worker.address for worker in head.workers()] == [said[0]["worker"]]
        with Head(Settings(scheduler=cluster.url, data_dir=str(tmp_path), **foreign)) as head:
            with pytest.raises(ClusterUnavailable):
                head.workers()
        for address in (cluster.url, said[0]["worker"]):
            assert isinstance(send(address.replace("tls://", "tcp://"), {"op": "identity"}), OSError | TimeoutError)


def test_arrays_keep_every_bit_and_nothing_else_is_taken(rng):
    for array in (rng.standard_normal((3, 4)), rng.integers(0, 2**63, 7).astype(np.uint64), np.zeros((0, 5), np.int8)):
        value = msgpack.unpackb(msgpack.packb(codec.packed(array)), use_list=False)
        back = codec.unpacked(value)
        assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    good = codec.packed(np.arange(6.0))
    for bad in (None, 7, [], ["|O8", *good[1:]], [good[0], [7], good[2]], [good[0], [-6], good[2]], [*good[:2], 3]):
        with pytest.raises(ValueError, match="no array"):
            codec.unpacked(bad)


@pytest.mark.parametrize(("shards", "n_workers"), [(8, 2), (8, 3), (4, 4), (3, 5), (1, 2)])
def test_every_shard_has_a_worker_and_none_more_than_its_part(shards, n_workers):
    workers = tuple(f"tcp://10.0.0.{i}:1" for i in range(n_workers))
    found = assignment(shards, workers)
    first = [ranked[0] for ranked in found]
    assert max(map(first.count, workers)) <= -(-shards // n_workers)
    assert all(sorted(ranked) == sorted(workers) for ranked in found)
    assert assignment(shards, ()) == ((),) * shards
