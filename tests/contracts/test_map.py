"""ARCHITECTURE.md shows the house as it is."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_module_is_on_the_map_and_the_map_names_no_other() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## The map")[1].split("```")[1]
    room, on_map = "", set()
    for line in text.strip().splitlines():
        name = line.split()[0]
        if not line.startswith(" ") and name.endswith("/"):
            room = name
        elif name.endswith(".py"):
            on_map.add(room + name if line.startswith(" ") else name)
    folders = (ROOT / "controllers", ROOT / "robot_rl")
    modules = {p.relative_to(ROOT).as_posix() for folder in folders for p in folder.rglob("*.py")}
    assert on_map == {m for m in modules if Path(m).name not in ("__init__.py", "__main__.py")}
