"""The mailbox: latest in, latest out, never torn, and untrusted."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from controllers.arm import Mode, Target
from controllers.host.mailbox import FOLDER, Client, Mailbox, Request, fetch, publish, unpack_gains
from controllers.host.motions import MotionCommand, MotionKind
from controllers.law.gains import make_gains
from tests.controllers.plant import HOME


@pytest.fixture
def box():
    box = Mailbox(f"test-{os.getpid()}", 7, create=True)
    yield box
    box.unlink()


@pytest.fixture
def client(box):
    return Client(f"test-{os.getpid()}")


def a_target(value=0.1, stamp_s=1.0):
    return Target(np.full(3, value), np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(6), np.zeros(6), np.array([stamp_s]))


def test_the_latest_target_arrives_once(box, client):
    assert not box.target.fetch()
    client.send(a_target(0.1))
    client.send(a_target(0.2, 2.0))
    assert box.target.fetch() and box.target.copy["p"][0, 0] == 0.2 and box.target.copy["stamp_s"][0] == 2.0
    assert not box.target.fetch()


def test_a_second_client_that_sends_is_refused_and_the_first_goes_on(box, client):
    client.send(a_target(0.1))
    motion = MotionCommand(MotionKind.GUIDING, 1, 1.0, HOME)
    second = Client(f"test-{os.getpid()}")
    for send in (lambda: second.send(a_target(0.9, 2.0)), lambda: second.move(motion)):
        with pytest.raises(ValueError, match=r"mailbox: got a second client .*`fuser .*end it first"):
            send()
    client.send(a_target(0.2, 3.0))
    assert box.target.fetch() and box.target.copy["p"][0, 0] == 0.2 and not box.motion.fetch()
    second.ask(Request.DEACTIVATE)  # whoever sees a reason may stop the arm, and read its state
    assert box.request.fetch() and second.state().mode == client.state().mode


def test_a_client_that_was_killed_gives_its_place_to_the_next(box, client):
    program = (
        "import sys; from controllers.host.mailbox import Client; client = Client(sys.argv[1]); client.claim(); "
        "print('claimed', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, f"test-{os.getpid()}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "claimed\n"
        with pytest.raises(ValueError, match="second client"):
            client.send(a_target())
        first.kill()
        first.wait()
        client.send(a_target())
    assert box.target.fetch()


def test_a_target_in_a_frame_that_is_not_known_is_refused_by_name(client):
    with pytest.raises(ValueError, match=r"frame: got 'camera'.*'base'"):
        client.send(a_target(), frame="camera")


def test_gains_travel_whole(box, client):
    gains = make_gains(HOME, stiffness=[321.0] * 3 + [21.0] * 3, task_R=np.diag([1.0, -1.0, -1.0]),
                       joint_margin_rad=0.1, planes=[(0, 0, 1, 0.05)])  # fmt: skip
    client.set_gains(gains)
    assert box.gains.fetch()
    arrived = unpack_gains(box.gains.copy)
    assert arrived.tobytes() == gains.tobytes()
    assert type(arrived) is type(gains)


@pytest.mark.parametrize(("field", "value"), [("stiffness", -600.0), ("stiffness", 1e9), ("stiffness", np.nan),
    ("damping_ratio", -1.0), ("clip_upper", np.inf), ("wrench_max", -5.0), ("ramp_s", np.nan)])  # fmt: skip
def test_unchecked_gains_are_refused(box, field, value):
    box.gains.copy[:] = make_gains(HOME)
    box.gains.copy[field] = value
    with pytest.raises(ValueError, match="got"):
        unpack_gains(box.gains.copy)


def test_unchecked_extras_are_refused(box):
    box.gains.copy[:] = make_gains(HOME)
    box.gains.copy["extra_damping"] = -10.0
    with pytest.raises(ValueError, match="extra_damping"):
        unpack_gains(box.gains.copy)


def test_a_reader_never_sees_half_a_write():
    sequence, slot = np.zeros(1, np.int64), np.zeros(8, np.int64)
    publish(sequence, slot, np.full(8, 7))
    assert sequence[0] == 2
    sequence[0] = 3  # a write is in progress
    slot[:4] = 9
    values = np.zeros(8, np.int64)
    assert fetch(sequence, slot, 0, values) == 0 and not values.any()


def test_after_a_writer_that_died_in_the_middle_the_next_one_repairs_the_slot():
    sequence, slot, values = np.array([3]), np.zeros(8, np.int64), np.zeros(8, np.int64)
    publish(sequence, slot, np.full(8, 5))
    assert fetch(sequence, slot, 2, values) == 4 and (values == 5).all()


def test_requests_arrive_in_the_order_of_the_latest(box, client):
    client.ask(Request.RECOVER)
    assert box.request.fetch() and box.request.copy["request"][0] == Request.RECOVER


def test_state_comes_with_its_words(box, client):
    copy = box.state.copy
    copy["mode"], copy["reason"], copy["message"] = Mode.FAULT, 37, b"cartesian_reflex"
    box.state.publish()
    state = client.state()
    assert state.mode == Mode.FAULT and "stopped by itself" in state.text and "cartesian_reflex" in state.text


def test_without_a_control_process_the_error_names_the_next_step():
    with pytest.raises(FileNotFoundError, match="start it first"):
        Client("absent")


def test_a_mailbox_of_another_kind_is_refused(box):
    with pytest.raises(ValueError, match=r"use one version|another kind"):
        Client(f"test-{os.getpid()}", joints=6)


def test_memory_of_another_user_and_a_link_are_not_opened(box, tmp_path):
    stranger = FOLDER / "robot-rl-stranger"
    stranger.symlink_to(box.path)
    try:
        with pytest.raises(OSError, match="symbolic links"):
            Mailbox("stranger", 7)
    finally:
        stranger.unlink()
    if os.geteuid() == 0:
        os.chown(box.path, 1, 1)
        with pytest.raises(ValueError, match="of user 1, expected this user's own"):
            Mailbox(box.path.name.removeprefix("robot-rl-"), 7)


def test_a_name_that_is_a_path_is_refused():
    with pytest.raises(ValueError, match="rename it"):
        Mailbox("../etc/passwd", 7)


def test_the_memory_belongs_to_its_user(box):
    assert box.path.stat().st_mode & 0o077 == 0


KILLED = """
import os, signal
from controllers.host.mailbox import Mailbox
box = Mailbox(f"killed-{os.getpid()}", 7, create=True)
print(box.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_memory_of_a_killed_process_is_removed_by_the_next_one_and_that_of_a_living_one_stays(box):
    killed = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert left.exists()
    other = Mailbox(f"other-{os.getpid()}", 7, create=True)
    assert not left.exists() and box.path.exists() and other.path.exists()
    other.unlink()
