"""Extensions by name, by module, from a file outside the package, and registered by another package."""

import sys
from pathlib import Path

import pytest

from robot_rl.core.errors import ConfigError, UnknownNameError
from robot_rl.core.extensions import available, check, resolve

TABLE = {"pi": "math:pi", "path": "pathlib:Path"}
GROUP = "robot_rl.test_extensions"

DEVICE = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    gain: float = 2.0


class Pedal:
    class Inner:
        depth = 2
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pedal.py"
    path.write_text(DEVICE)
    return path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Another package with an entry point, as pip leaves it on the path."""
    (tmp_path / "lab_pedal.py").write_text(DEVICE)
    info = tmp_path / "lab_pedal-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-pedal\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\npedal = lab_pedal:Pedal\npi = lab_pedal:Pedal\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "pedal"


def test_names_of_the_table_and_modules_resolve() -> None:
    assert resolve("thing", "path", TABLE) is Path
    assert resolve("thing", "pathlib:Path", {}) is Path


def test_file_resolves_once_so_that_its_classes_stay_the_same(file: Path) -> None:
    pedal = resolve("device", f"{file}:Pedal", TABLE)
    assert pedal is resolve("device", f"{file}:Pedal", TABLE)
    assert resolve("device", f"{file}:Pedal.Inner", TABLE).depth == 2
    assert resolve("device", f"{file}:Settings", TABLE)().gain == 2.0


def test_relative_files_resolve_from_the_working_directory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert resolve("device", "pedal.py:Pedal", TABLE) is resolve("device", f"{file}:Pedal", TABLE)


def test_entry_points_of_other_packages_are_names_too_behind_the_tables(installed: str) -> None:
    assert resolve("device", installed, TABLE, GROUP).__module__ == "lab_pedal"
    assert isinstance(resolve("device", "pi", TABLE, GROUP), float)
    assert available(TABLE, GROUP) == ["pi", "path", "pedal"]


@pytest.mark.parametrize("function", [check, resolve])
def test_unknown_name_lists_the_names_and_the_nearest(function, installed: str) -> None:
    with pytest.raises(UnknownNameError, match=r"device: got 'pedel', expected one of 'path', 'pedal', 'pi'.*'pedal'"):
        function("device", "pedel", TABLE, GROUP)


def test_check_imports_nothing() -> None:
    check("device", "no_such_module:Thing", TABLE)
    check("device", "path", {"path": "no_such_module:Thing"})


@pytest.mark.parametrize("name", ["no_such_module:Thing", "no_such_file.py:Thing", ":Thing"])
def test_what_cannot_be_imported_is_a_setting_that_cannot_work(name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a module that can be imported; [A-Za-z]+:"):
        resolve("device", name, TABLE)


def test_missing_attribute_names_the_nearest(file: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'Pedal'"):
        resolve("device", f"{file}:Padel", TABLE)


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import no_such_module\n")
    before = set(sys.modules)
    with pytest.raises(ConfigError, match="No module named 'no_such_module'"):
        resolve("device", f"{path}:Thing", {})
    assert set(sys.modules) == before
    path.write_text("Thing = 1\n")
    assert resolve("device", f"{path}:Thing", {}) == 1
