"""The wall clock of processes, set forwards and back by a test; their monotonic clock goes on."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler; apt-get install gcc")
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long long *shift_s;

__attribute__((constructor)) static void open_shift(void) {
    int file = open(getenv("WALL_CLOCK_SHIFT"), O_RDONLY | O_CLOEXEC);
    void *memory = file < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    if (memory != MAP_FAILED) shift_s = memory;
}

int clock_gettime(clockid_t id, struct timespec *when) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, when);
    if (!result && shift_s && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) when->tv_sec += *shift_s;
    return result;
}

int gettimeofday(struct timeval *when, void *zone) {
    struct timespec now;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    when->tv_sec = now.tv_sec;
    when->tv_usec = now.tv_nsec / 1000;
    return result;
}

time_t time(time_t *when) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (when) *when = now.tv_sec;
    return now.tv_sec;
}
"""


class WallClock:
    """Wall clock of all processes that are started with `environment`."""

    def __init__(self, folder: Path) -> None:
        assert COMPILER is not None
        library, self._shift = folder / "wall_clock.so", folder / "wall_clock_shift"
        self._shift.write_bytes(bytes(8))
        words = [COMPILER, "-shared", "-fPIC", "-O1", "-o", str(library), "-xc", "-", "-ldl"]
        subprocess.run(words, input=SOURCE.encode(), check=True)
        self.environment = {"LD_PRELOAD": str(library), "WALL_CLOCK_SHIFT": str(self._shift)}

    def set(self, shift_s: int) -> None:
        """Set the clock that far ahead of the true time, or behind it [s]."""
        with self._shift.open("r+b") as file:
            file.write(struct.pack("q", shift_s))
