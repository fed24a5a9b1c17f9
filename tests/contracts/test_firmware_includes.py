"""The firmware's includes point one way; a source and its header are one module."""

import re
from pathlib import Path

FIRMWARE = Path(__file__).parents[2] / "firmware"


def included() -> dict[str, set[str]]:
    """Return module -> modules that its source or header includes."""
    modules: dict[str, set[str]] = {}
    for path in [*FIRMWARE.glob("src/*.[ch]"), *FIRMWARE.glob("include/pendant/*.h")]:
        found = {Path(name).stem for name in re.findall(r'#include "([^"]+)"', path.read_text())}
        modules.setdefault(path.stem, set()).update(found - {path.stem})
    return modules


def test_no_module_of_the_firmware_is_in_a_circle_of_includes() -> None:
    modules = included()
    assert {"pendant", "commands", "report", "guard", "state"} <= set(modules)
    while leaves := [name for name, needs in modules.items() if not needs & set(modules)]:
        for name in leaves:
            del modules[name]
    assert not modules
