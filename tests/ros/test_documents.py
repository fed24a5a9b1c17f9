"""docs/ros2.md says what the table of the graph says."""

from pathlib import Path

from controllers.ros import graph
from controllers.ros.topics import COMMANDS

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
