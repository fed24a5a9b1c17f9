"""Disks of a test's own: one that can be filled, and one that becomes read-only under open files.

Mounting needs root and, in a container, the right to it; where it is refused, tests are skipped and say so.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

import pytest

IMAGE_BYTES = 64 << 20


def _run(*words: object) -> None:
    """Run a command.

    Raises:
        RuntimeError: it was refused.
    """
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")


class _Disk:
    """A file system at a folder, unmounted at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        try:
            self._mount()
        except (RuntimeError, OSError) as refused:
            pytest.skip(f"NOT CHECKED: no disk can be mounted here ({refused})")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", self.folder)

    def _mount(self) -> None:
        raise NotImplementedError


class SmallDisk(_Disk):
    """A disk in memory (tmpfs) that is filled, and has room again."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._size_bytes, self._ballast = size_bytes, folder / "ballast"
        super().__init__(folder)

    def _mount(self) -> None:
        _run("mount", "-t", "tmpfs", "-o", f"size={self._size_bytes}", "none", self.folder)

    def fill(self) -> None:
        """Leave no byte free."""
        free = shutil.disk_usage(self.folder).free
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free)

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink()


class FailingDisk(_Disk):
    """ext4 in a file. An error makes it read-only under open files, as `errors=remount-ro` does; then it is mounted
    again, which needs the processes that have it open to end.
    """

    def _mount(self) -> None:
        image = self.folder.with_suffix(".image")
        if not image.exists():
            with image.open("wb") as file:
                file.truncate(IMAGE_BYTES)
            _run("mkfs.ext4", "-q", "-F", image)
        _run("mount", "-o", "loop", image, self.folder)

    def fail(self) -> None:
        """Make it read-only: each write and sync fails from now on."""
        _run("mount", "-o", "remount,abort", self.folder)

    def mend(self) -> None:
        """Mount it again; what was not on the disk itself is lost."""
        _run("umount", self.folder)
        self._mount()
