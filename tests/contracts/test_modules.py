"""The list of modules is generated; each module says in one sentence what it is for."""

import re

from robot_rl.cli.modules import ROOT, list_modules


def test_every_module_is_listed_once() -> None:
    listed = [module.path for module in list_modules() if not module.path.endswith("/")]
    files = {
        path.relative_to(ROOT).as_posix()
        for name in ("controllers", "robot_rl")
        for path in (ROOT / name).rglob("*.py")
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == {path for path in files if not path.rsplit("/", 1)[-1].startswith("__")}


def test_paths_of_the_overview_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:robot_rl|controllers|docs|launch|firmware)/[\w/.]*)`", text)
    assert len(paths) > 20
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []


def test_module_begins_with_a_sentence() -> None:
    wrong = {path: text for path, text in list_modules() if not 10 <= len(text) <= 200}
    assert wrong == {}
