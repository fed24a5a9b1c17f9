"""Arms on the loopback wire for the vendors' real libraries: each a process or a thread that speaks their protocol."""

import contextlib
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

FR3_PORT, DASHBOARD_PORT = 1337, 29999
START_LIMIT_S = 60

SIMULATED_FR3 = """
import sys
import franky_sim
from franky_sim.mujoco_simulator import MujocoSimulator
with MujocoSimulator(enable_visualization=False) as simulator:
    simulator.add_robot()
    with franky_sim.SimulationServer(simulator, hostname_candidates=[sys.argv[1]]) as server:
        print("ready", flush=True)
        server.run_forever()
"""

# A reflex after 200 torques, and an arm that refuses StopMove (status 1: command not possible) until it has recovered.
REFLEXES = """
from franky_sim import franka_robot_protocol as protocol
from franky_sim.franka_robot_server import FrankaRobotServer
take, state, recover = (
    FrankaRobotServer._handle_udp_command, FrankaRobotServer.robot_state, protocol.AutomaticErrorRecoveryCommand.handle
)
def reflex(server, data):
    take(server, data)
    server.torques = getattr(server, "torques", 0) + 1
    if server.torques % 200 == 0 and server.current_motion_id:
        server.reflex = True
        server.stop_motion(send_preemption_signal=False)
        answer = protocol.RobotCommand.kMove, server.current_motion_id, protocol.MoveStatus.kReflexAborted
        protocol.BaseCommand.send_response(server._tcp_socket, *answer)
        server.reset_current_motion_id()
def in_reflex(server):
    found = state.fget(server)
    if not getattr(server, "reflex", False):
        return found
    errors = (True,) + (False,) * 40
    return found.replace(robot_mode=protocol.RobotMode.kReflex, current_errors=errors, last_motion_errors=errors)
def cleared(command, server):
    server.reflex = False
    recover(command, server)
FrankaRobotServer._handle_udp_command = reflex
FrankaRobotServer.robot_state = property(in_reflex)
protocol.AutomaticErrorRecoveryCommand.handle = cleared
protocol.StopMoveCommand.handle = lambda command, server: command.reply(1)
"""


@contextlib.contextmanager
def simulated_fr3(address: str, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """franky-sim's FR3 at a loopback address; `before` is run first in its process."""
    command = [sys.executable, "-c", before + SIMULATED_FR3, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def server(address: str, port: int, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Something that answers one client after the other."""
    with socket.create_server((address, port)) as listening:
        listening.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError, ConnectionError):
                    client, _ = listening.accept()
                    with client:
                        client.settimeout(START_LIMIT_S)
                        answer(client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def refuse_version(client: socket.socket) -> None:
    """An FR3 of another system: status 1 (incompatible), server version 5."""
    command, number, _ = struct.unpack("<III", client.recv(64)[:12])
    client.sendall(struct.pack("<IIIBH5x", command, number, 20, 1, 5))
    client.recv(64)


def old_dashboard(client: socket.socket) -> None:
    """A UR's dashboard with PolyScope 5.23, under remote control."""
    answers = {
        "PolyscopeVersion": "URSoftware 5.23.0.1234567 (Jan 01 2025)",
        "get robot model": "UR5",
        "is in remote control": "true",
    }
    client.sendall(b"Connected: Universal Robots Dashboard Server\n")
    with client.makefile("r", encoding="ascii") as lines:
        for line in lines:
            client.sendall((answers.get(line.strip(), f"could not understand: {line.strip()}") + "\n").encode())
