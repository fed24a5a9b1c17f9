"""Real-time abilities of this computer, read from the kernel's files (a test passes others)."""

import os
import platform
import resource
from dataclasses import dataclass
from pathlib import Path

from controllers.drivers.contract import MissingPermissionError

RTPRIO_NEEDED = 80  # above the kernel's threaded interrupts (50), below its watchdogs (99)
LIMITS_ADVICE = (
    "put '@realtime - rtprio 99' and '@realtime - memlock unlimited' into /etc/security/limits.d/realtime.conf, "
    "run: sudo groupadd -f realtime && sudo usermod -aG realtime $USER, and log in again"
)
KERNEL_ADVICE = (
    "install a kernel with PREEMPT_RT (Debian: linux-image-rt-amd64; Ubuntu: sudo pro enable realtime-kernel)"
)


@dataclass(frozen=True)
class Machine:
    """Facts about a computer."""

    kernel: str
    preempt_rt: bool
    """The kernel is fully preemptible, as libfranka's kEnforce requires."""
    rtprio: int
    """Highest SCHED_FIFO priority that this process may take; 0: none."""
    memlock_bytes: float
    """Memory that this process may lock [bytes]; inf: all."""
    governors: tuple[str, ...]
    """Frequency governors of the cores, each name once; empty where the kernel offers none (virtual machines)."""


def read_machine(root: Path = Path("/"), *, privileged: bool | None = None) -> Machine:
    """Read the facts. `root` is the prefix of /sys; `privileged` processes have no limits (None: as root)."""
    above_limits = os.geteuid() == 0 if privileged is None else privileged
    rtprio = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
    memlock = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    version = platform.version()
    governors = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    return Machine(
        kernel=f"{platform.release()} {version}",
        preempt_rt=_text(root / "sys/kernel/realtime") == "1" or "PREEMPT_RT" in version,
        rtprio=99 if above_limits or rtprio == resource.RLIM_INFINITY else rtprio,
        memlock_bytes=float("inf") if above_limits or memlock == resource.RLIM_INFINITY else float(memlock),
        governors=tuple(sorted({_text(path) for path in governors})),
    )


def require_realtime(machine: Machine, *, preempt_rt: bool) -> None:
    """Check that a loop of this process can run at real-time priority.

    Args:
        preempt_rt: whether the kernel has to be fully preemptible, too.
    """
    if preempt_rt and not machine.preempt_rt:
        raise MissingPermissionError(
            f"kernel: got {machine.kernel}, expected one with PREEMPT_RT; {KERNEL_ADVICE}, "
            "or set `settings: {realtime: false}` in the arm's file and expect communication errors under load."
        )
    if machine.rtprio < RTPRIO_NEEDED:
        raise MissingPermissionError(
            f"real-time priority: got a limit of {machine.rtprio}, expected {RTPRIO_NEEDED} or more; {LIMITS_ADVICE}."
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
