"""Control of the page: at most one browser has it; others watch, and may only stop."""


class Lease:
    """Which of the connected browsers has control.

    The first browser gets it. Another one gets it by an explicit request; then the one before only watches.

    Args:
        reserved: of a page that was started again: the first browser that joins may be one that only watched.

    Example:
        >>> lease = Lease()
        >>> lease.join(1), lease.join(2), lease.holder
        (True, False, 1)
        >>> lease.take(2), lease.holder, lease.leave(1), lease.leave(2), lease.holder
        (True, 2, False, True, None)
    """

    def __init__(self, reserved: bool = False) -> None:
        self.holder: int | None = None
        self._reserved = reserved

    def join(self, browser: int) -> bool:
        """Add a browser; return whether it got control."""
        return self.holder is None and not self._reserved and self.take(browser)

    def take(self, browser: int) -> bool:
        """Give control to a browser; return whether it did not have it."""
        changed, self.holder = self.holder != browser, browser
        self._reserved = False
        return changed

    def leave(self, browser: int) -> bool:
        """Take control away from a browser; return whether it had it."""
        had = self.holder == browser
        if had:
            self.holder = None
        return had
