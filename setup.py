"""What colcon needs of this package, read from pyproject.toml: pip reads that file by itself, colcon does not.

colcon runs this file from a folder of links, so the project is where the link leads.
"""

import os
import tomllib
from pathlib import Path

from setuptools import find_namespace_packages, setup

ROOT = Path(__file__).resolve().parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, SETUPTOOLS = PYPROJECT["project"], PYPROJECT["tool"]["setuptools"]
SHARE = "share/robot_rl"


def found(pattern: str) -> list[str]:
    """Files of the project, relative to it."""
    return sorted(os.path.relpath(path, ROOT) for path in ROOT.glob(pattern))


distribution = setup(
    name="robot_rl",
    version=PROJECT["version"],
    description=PROJECT["description"],
    packages=find_namespace_packages(str(ROOT), **SETUPTOOLS["packages"]["find"]),
    package_data=SETUPTOOLS["package-data"],
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/robot_rl"]),
        (SHARE, ["package.xml"]),
        (f"{SHARE}/launch", found("launch/*.launch.py") + found("launch/*.rviz")),
        (f"{SHARE}/arms", found("controllers/arms/*.yaml")),
    ],
    entry_points={"console_scripts": [f"{name} = {place}" for name, place in PROJECT["scripts"].items()]},
    zip_safe=False,
)

# colcon prints what it finds here and reads it back as Python's literals, of which a set of versions is none.
for place in (distribution, distribution.metadata):
    if getattr(place, "python_requires", None) is not None:
        place.python_requires = str(place.python_requires)
