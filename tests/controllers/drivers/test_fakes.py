"""The vendors' fakes match the installed wheels: each name, argument, default and enum member exists there."""

import importlib.metadata
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.controllers.drivers import fake_franky, fake_pylibfranka, fake_ur_rtde
from tests.controllers.drivers.surface import Parameter, differences, look_at, signatures

ROOT = Path(__file__).parents[3]
SURFACES: dict[str, tuple[str, Iterable[type]]] = {  # module -> package, classes
    "pylibfranka": ("pylibfranka", fake_pylibfranka.SURFACE),
    "franky": ("franky-control", fake_franky.SURFACE),
    **{module: ("ur-rtde", parts) for module, parts in fake_ur_rtde.MODULES.items()},
}


def installed(package: str) -> str:
    """The wheel's version; without the wheel, skip and say what was not checked."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"NOT CHECKED: {package} is not installed, so its fake may be wrong; run: make setup")


@pytest.mark.parametrize("module", SURFACES)
def test_fake_goes_nowhere_beyond_the_wheel(module: str) -> None:
    package, classes = SURFACES[module]
    installed(package)
    found = look_at(module, [part.__name__ for part in classes])
    assert [text for part in classes for text in differences(part, found.get(part.__name__))] == []


@pytest.mark.parametrize("package", ["pylibfranka", "franky-control", "ur-rtde"])
def test_fakes_were_made_for_the_pinned_version(package: str) -> None:
    pinned = re.search(rf"^{re.escape(package)}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None and installed(package) == pinned[1]


def test_comparison_sees_what_a_wheel_would_not_take() -> None:
    class Arm:
        def move(self, goal: list[float], speed: float = 2.0) -> None: ...

        def rest(self) -> None: ...

    real = {"members": {"move": "move(self: m.Arm, goal: list[float], speed: float = 1.0) -> None"}, "values": {}}
    found = differences(Arm, real)
    assert len(found) == 2 and "speed" in found[0] and "Arm.rest is not in the wheel" in found[1]
    real["members"] = {
        "move": "1. move(self: m.Arm, goal: int, speed: float = 2.0) -> None",
        "rest": "rest(self: m.Arm) -> None",
    }
    assert differences(Arm, real) == []


def test_signatures_are_read_from_pybinds_docstrings() -> None:
    text = "f(*args, **kwargs)\n1. f(self: m.A, q: Annotated[list[float], 'x, y'] = [], n: int = <E.a: 1>) -> None"
    assert signatures(text) == [[Parameter("q", "[]"), Parameter("n", "<E.a: 1>")]]
