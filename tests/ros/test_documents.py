"""docs/ros2.md says what the table of the graph says, and what `ros2 topic list -t` shows."""

import sys
from pathlib import Path

import pytest

from controllers.ros import graph
from controllers.ros.topics import COMMANDS
from tests.ros.graph_session import START_TIMEOUT_S, GraphSession, eventually

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (Path(__file__).parents[2] / "docs" / "ros2.md").read_text().splitlines()
    if line.startswith("| `") and "/msg/" in line
]
ELSEWHERE = (graph.WRENCH, graph.GRIPPER_STATE, graph.GRIPPER_TARGET, graph.TASK_RESET, graph.TASK_STATE)


def test_the_table_of_the_documents_is_the_table_of_the_code():
    topics = [topic for topic in vars(graph).values() if isinstance(topic, graph.Topic) and topic not in ELSEWHERE]
    own = {
        topic.name: topic for topic in topics if topic.name.startswith(("impedance", "/diag", "/emergency", "joint"))
    }
    assert {row[0].strip("`") for row in ROWS} == set(own)
    taken = {command.topic for command in COMMANDS}
    for name, kind, direction, delivery in ROWS:
        topic = own[name.strip("`")]
        words = ("reliable" if topic.quality.reliable else "best-effort") + (
            ", latched" if topic.quality.latched else ""
        )
        assert (kind, delivery) == (topic.type, words)
        ways = "in, out" if topic == graph.STOP else "in" if topic in taken else "out"  # controllers share stops
        assert direction == ways


def listed(session: GraphSession) -> dict[str, str]:
    """Topics with their types, by the shell's command."""
    lines = session.run("ros2", "topic", "list", "-t", "--no-daemon", "--spin-time", "3").stdout.splitlines()
    return {name: kind.strip("[]") for name, kind in (line.rsplit(" ", 1) for line in lines if line.endswith("]"))}


@pytest.mark.ros
@pytest.mark.slow
@pytest.mark.parametrize("served", ["controller", "simulation"])
def test_the_shells_list_of_topics_is_the_table_of_the_documents(session: GraphSession, served: str) -> None:
    if served == "controller":
        session.controller("-p", "autostart:=true", "-p", "end_with_parent:=false")
    else:
        words = ("robot_rl.nodes.simulated_robot", "--robot.kind", "ros", "--cameras")
        session.start(sys.executable, "-m", *words)
    rows = {f"/{name.strip('`').lstrip('/')}": kind for name, kind, *_ in ROWS}
    shown = eventually(lambda: listed(session), lambda topics: topics.keys() >= rows.keys(), START_TIMEOUT_S)
    assert {name: shown[name] for name in rows} == rows
    own = {name for name in shown if name.startswith("/impedance_controller/")}
    assert own - rows.keys() <= {"/impedance_controller/transition_event"}
