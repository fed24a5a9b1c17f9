"""Zero of the estimated wrench: its mean over a moment at rest is subtracted from then on."""

from collections.abc import Callable

import numpy as np

from controllers.host.mailbox import HostState

SAMPLES, PERIOD_S = 50, 0.01
REST_RAD_PER_S = 0.02
SPREAD_MAX = np.repeat([1.0, 0.3], 3)  # between the samples: a contact that changes [N, N m]


class WrenchBias:
    """The bias (6,) in the base frame [N, N m], which holds for the present orientation and payload."""

    def __init__(self) -> None:
        self.wrench = np.zeros(6)

    def removed(self, state: HostState) -> HostState:
        """Return the state with its wrench less the bias."""
        values = state.values.copy()
        values["external_wrench"] -= self.wrench
        return state._replace(values=values)

    def zero(self, state: Callable[[], HostState], sleep: Callable[[float], None]) -> tuple[bool, str]:
        """Take the mean of the next half second as zero, unless the arm moves or its contact changes."""
        samples = []
        for _ in range(SAMPLES):
            values = state().values
            fastest = float(np.abs(values.dq).max())
            if not fastest <= REST_RAD_PER_S:
                return False, f"zero: got a joint at {fastest:.3f} rad/s, expected an arm at rest; wait until it holds."
            samples.append(np.array(values.external_wrench))
            sleep(PERIOD_S)
        spread = np.ptp(samples, axis=0)
        if not (spread <= SPREAD_MAX).all():
            return (
                False,
                f"zero: got a wrench that varies by {spread.round(2).tolist()}, expected a steady one; free the tool.",
            )
        self.wrench = np.mean(samples, axis=0)
        return True, f"zero at {self.wrench.round(2).tolist()} N, N m"
