"""All other threads leave a core and return to it, also those started meanwhile and after a kill -9."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.host.shield import GUARD, Shield, shielded

CORES = frozenset(os.sched_getaffinity(0))
CPU = max(CORES)
pytestmark = [
    pytest.mark.usefixtures("cores_alone"),
    pytest.mark.skipif(len(CORES) < 2, reason="a core can be kept free only beside another one"),
]

SLEEPER = "import sys; print('up', flush=True); sys.stdin.read()"
# Says once that the core is its own, and holds it until it is killed.
HOLDER = f"""
import sys
from controllers.host.shield import shielded
with shielded({CPU}):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def sleeper():
    with talk(SLEEPER) as process:
        yield process
        process.kill()


def talk(program: str) -> subprocess.Popen[str]:
    """A child process that has said its first line."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None and process.stdout.readline()
    return process


def only(tmp_path, *pids):
    """A list of processes with these alone in it."""
    for pid in pids:
        (tmp_path / str(pid)).symlink_to(f"/proc/{pid}")
    return tmp_path


def test_a_core_is_taken_and_given_back(tmp_path, sleeper):
    shield = Shield(CPU, [], only(tmp_path, sleeper.pid))
    assert shield.keep_off() == (1, 0) and os.sched_getaffinity(sleeper.pid) == CORES - {CPU}
    shield.let_back()
    assert os.sched_getaffinity(sleeper.pid) == CORES


def test_who_is_spared_and_who_has_no_other_core_stays(tmp_path, sleeper):
    listed = only(tmp_path, sleeper.pid)
    assert Shield(CPU, [sleeper.pid], listed).keep_off() == (0, 0)
    os.sched_setaffinity(sleeper.pid, {CPU})
    assert Shield(CPU, [], listed).keep_off() == (0, 0) and os.sched_getaffinity(sleeper.pid) == {CPU}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user for a while")
def test_other_users_threads_stay_and_are_reported():
    program = f"""
import os
from controllers.host.shield import Shield
os.setresuid(65534, 65534, 65534)
kept = Shield({CPU}, [os.getpid()]).keep_off()
print(kept.moved, kept.advice())
"""
    words = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert words.startswith("0 ") and "isolcpus" in words and os.sched_getaffinity(0) == CORES


def test_who_had_chosen_the_other_cores_before_keeps_that_choice(tmp_path, sleeper):
    with talk(SLEEPER) as careful:
        os.sched_setaffinity(careful.pid, CORES - {CPU})
        shield = Shield(CPU, [], only(tmp_path, sleeper.pid, careful.pid))
        shield.keep_off()
        shield.keep_off()
        shield.let_back()
        assert os.sched_getaffinity(careful.pid) == CORES - {CPU} and os.sched_getaffinity(sleeper.pid) == CORES
        careful.kill()


def test_core_of_two_shields_returns_when_the_second_ends(tmp_path, sleeper):
    listed = only(tmp_path, sleeper.pid)
    first = Shield(CPU, [], listed)
    first.keep_off()
    second = Shield(CPU, [], listed)
    second.keep_off()
    first.let_back()
    second.keep_off()
    second.let_back()
    assert os.sched_getaffinity(sleeper.pid) == CORES


@given(
    st.lists(st.sampled_from([1, 2, 3]), min_size=6, max_size=24),
    st.lists(st.frozensets(st.integers(0, 3), min_size=1), min_size=1, max_size=4),
)
def test_shields_of_several_cores_return_them_whichever_ends_first(steps, before):
    """Each step starts a core's shield, or lets it sweep, or ends it, in turn; the rest end at last."""
    now = {10 + i: cores for i, cores in enumerate(before)}
    system = SimpleNamespace(sched_getaffinity=now.__getitem__, sched_setaffinity=now.__setitem__)
    shields, turns = {}, dict.fromkeys(steps, 0)

    def end(cpu):
        shields.pop(cpu).let_back()
        shutil.rmtree(processes / str(900 + cpu))

    with tempfile.TemporaryDirectory() as folder:
        processes = Path(folder)
        for thread in now:
            (processes / f"{thread}/task/{thread}").mkdir(parents=True)
        for cpu in steps:
            turns[cpu] += 1
            if cpu not in shields:
                (processes / str(900 + cpu)).mkdir()
                (processes / f"{900 + cpu}/cmdline").write_text(f"python\0-m\0{GUARD}\0{cpu}\0007\0")
                shields[cpu] = Shield(cpu, [], processes, system)
            if turns[cpu] % 3:
                shields[cpu].keep_off()
            else:
                end(cpu)
        for cpu in list(shields):
            end(cpu)
    assert list(now.values()) == before


def test_threads_started_meanwhile_get_their_parents_cores_back(tmp_path, sleeper):
    shield = Shield(CPU, [], only(tmp_path, sleeper.pid))
    shield.keep_off()
    with talk(SLEEPER) as child:
        os.sched_setaffinity(child.pid, CORES - {CPU})  # as if started by the sleeper
        only(tmp_path, child.pid)
        shield.keep_off()
        shield.let_back()
        assert os.sched_getaffinity(child.pid) == CORES
        child.kill()


def test_who_chose_other_cores_meanwhile_keeps_them(tmp_path, sleeper):
    shield = Shield(CPU, [], only(tmp_path, sleeper.pid))
    shield.keep_off()
    os.sched_setaffinity(sleeper.pid, {CPU})
    shield.let_back()
    assert os.sched_getaffinity(sleeper.pid) == {CPU}


@pytest.mark.slow
def test_all_threads_leave_the_core_within_the_block_and_return_after_it(sleeper):
    with shielded(CPU) as kept:
        assert kept.moved >= 1 and os.sched_getaffinity(sleeper.pid) == CORES - {CPU}
        assert os.sched_getaffinity(0) == CORES
    assert os.sched_getaffinity(sleeper.pid) == CORES


@pytest.mark.slow
def test_only_the_thread_keeps_the_core_and_later_threads_are_moved():
    started = []

    def live() -> None:
        started.append(threading.get_native_id())
        end.wait()

    end = threading.Event()
    with shielded(CPU):
        other = threading.Thread(target=live)
        other.start()
        limit_s = time.monotonic() + 60.0
        while (not started or CPU in os.sched_getaffinity(started[0])) and time.monotonic() < limit_s:
            time.sleep(0.01)
        assert os.sched_getaffinity(started[0]) == CORES - {CPU} and os.sched_getaffinity(0) == CORES
        end.set()
    other.join()


@pytest.mark.slow
def test_the_guard_itself_leaves_the_core():
    os.sched_setaffinity(0, {CPU})
    try:
        with shielded(CPU):
            (guard,) = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
            assert CPU not in os.sched_getaffinity(int(guard))
    finally:
        os.sched_setaffinity(0, CORES)


@pytest.mark.slow
def test_a_holder_that_is_killed_gives_the_core_back(sleeper):
    with talk(HOLDER) as holder:
        assert os.sched_getaffinity(sleeper.pid) == CORES - {CPU}
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    end_s = time.monotonic() + 60.0
    while os.sched_getaffinity(sleeper.pid) != CORES and time.monotonic() < end_s:
        time.sleep(0.01)
    assert os.sched_getaffinity(sleeper.pid) == CORES
