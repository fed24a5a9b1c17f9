"""A power cut: what a process wrote and did not sync is gone, contents and names.

`record_syncs` notes in a process what its syncs made durable; `cut_power`, once it is killed, leaves nothing else. A
name is durable by a sync of its folder alone, so that deleted files come back: no file system keeps less.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

NAMES = "names-"


def record_syncs(room: Path) -> None:
    """Copy to a folder what each later sync of this process makes durable."""
    room.mkdir(parents=True, exist_ok=True)
    for name in ("fsync", "fdatasync"):
        setattr(os, name, _recording(getattr(os, name), room))


def _recording(sync: Callable[[int], None], room: Path) -> Callable[[int], None]:
    def recorded(descriptor: int) -> None:
        status, path = os.fstat(descriptor), Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_dir():
            inodes = {entry.name: entry.inode() for entry in os.scandir(path) if entry.is_file()}
            content, name = json.dumps(inodes).encode(), f"{NAMES}{path.name}"
        else:
            content, name = Path(f"/proc/self/fd/{descriptor}").read_bytes(), f"{status.st_ino}"
        sync(descriptor)
        _replace(room / name, content)

    return recorded


def cut_power(folder: Path, room: Path) -> None:
    """Leave in a folder, whose processes are dead, what was durable."""
    names = room / f"{NAMES}{folder.name}"
    inodes: dict[str, int] = json.loads(names.read_bytes()) if names.exists() else {}
    contents = {
        name: (room / str(inode)).read_bytes() for name, inode in inodes.items() if (room / str(inode)).exists()
    }
    for path in folder.iterdir():
        path.unlink()
    kept: dict[str, int] = {}
    for name in inodes:
        (folder / name).write_bytes(contents.get(name, b""))
        kept[name] = (folder / name).stat().st_ino
    for path in room.iterdir():  # the next life has other inodes
        path.unlink()
    _replace(names, json.dumps(kept).encode())
    for name, inode in kept.items():
        _replace(room / str(inode), contents.get(name, b""))


def _replace(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)
