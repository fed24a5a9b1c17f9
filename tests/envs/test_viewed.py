"""The view in three dimensions, by viser's real server and a client of its wire."""

import importlib.util
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gymnasium
import numpy as np
import pytest

from robot_rl.build_human import viewed
from robot_rl.core.errors import ConfigError
from robot_rl.envs.simulated import make_simulated_env, simulation_of
from robot_rl.envs.viewed import Viewed

HAS_VISER = importlib.util.find_spec("viser") is not None
needs_viser = pytest.mark.skipif(not HAS_VISER, reason="no viser; pip install -e '.[view3d]'")
ZSTD = b"\x28\xb5\x2f\xfd"


@pytest.fixture(scope="module")
def shown() -> Iterator[Viewed]:
    env = viewed(make_simulated_env("pick-lift"), 0)
    assert isinstance(env, Viewed)
    with closing(env):
        env.reset(seed=0)
        yield env


def received(env: Viewed, seconds: float = 1.0) -> bytes:
    """Return what a browser is sent, as it is after decompression."""
    import viser
    import zstandard
    from websockets.sync.client import connect

    protocol, data = f"viser-v{viser.__version__}", b""
    with connect(env.url.replace("http", "ws"), subprotocols=[protocol], max_size=None) as client:  # type: ignore[list-item]
        while True:
            try:
                message = client.recv(timeout=seconds)
            except TimeoutError:
                return data
            assert isinstance(message, bytes)
            data += zstandard.ZstdDecompressor().decompressobj().decompress(message[message.index(ZSTD) :])


@needs_viser
@pytest.mark.slow
def test_arm_part_target_and_cameras_are_in_the_scene(shown: Viewed) -> None:
    with urllib.request.urlopen(shown.url) as answer:
        assert answer.status == 200 and b"<html" in answer.read()
    data = received(shown)
    for name in ("/bodies/link1", "/bodies/hand", "/bodies/finger1", "/bodies/cube", "/target", "/camera-wrist"):
        assert name.encode() in data
    assert b"episode 1, step 0" in data
    shown.step(np.zeros(shown.action_space.shape, np.float32))
    assert b"episode 1, step 1" in received(shown)


@needs_viser
@pytest.mark.slow
def test_bodies_are_where_the_simulation_has_them(shown: Viewed) -> None:
    scene, simulation = shown._scene, simulation_of(shown.env.unwrapped)
    action, before = np.full(shown.action_space.shape, 0.5, np.float32), simulation.data.body("hand").xpos.copy()
    for _ in range(3):
        shown.step(action)
    for name in ("hand", "cube"):
        frame = next(body for body in scene._bodies if body.name == f"/bodies/{name}")
        # MuJoCo's own poses are those before the last of its steps of 2 ms.
        np.testing.assert_allclose(frame.position, simulation.data.body(name).xpos, atol=1e-3)
    assert np.linalg.norm(simulation.data.body("hand").xpos - before) > 5e-3
    target = next(iter(shown.env.unwrapped.targets.values()))
    np.testing.assert_allclose(scene._target.position, target.p, atol=1e-9)


@needs_viser
@pytest.mark.slow
def test_only_this_computer_reaches_it_and_no_tunnel_opens(shown: Viewed) -> None:
    port = int(shown.url.rsplit(":", 1)[1])
    for address in {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}:
        if not address.startswith("127."):
            with pytest.raises(OSError), socket.create_connection((address, port), timeout=5.0):
                pass
    assert shown._scene._server.request_share_url() is None
    assert shown._scene._server._share_tunnel is None
    with pytest.raises(ConfigError, match=f"got port {port} .*expected a free one"):
        viewed(make_simulated_env("pick-lift", cameras=()), port)


@pytest.mark.skipif(HAS_VISER, reason="viser is installed")
def test_a_missing_viser_is_named() -> None:
    with pytest.raises(ConfigError, match=r"got no viser, expected it; run: pip install -e '\.\[view3d\]'"):
        viewed(make_simulated_env("pick-lift", cameras=()), 0)


def test_without_a_port_nothing_is_shown_and_without_a_simulation_it_is_refused() -> None:
    env: gymnasium.Env[Any, Any] = gymnasium.make("CartPole-v1")
    assert viewed(env, None) is env
    with pytest.raises(ConfigError, match="expected a task in the simulator"):
        viewed(env, 0)
