"""The list of modules is generated; each module says in one sentence what it is for."""

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


def test_module_begins_with_a_sentence() -> None:
    wrong = {path: text for path, text in list_modules() if not 10 <= len(text) <= 200}
    assert wrong == {}
