#!/usr/bin/env python3
"""Looks for known vulnerabilities of the packages that constraints.txt pins, in the database of the package index.

Ends with 0 where there are none, 1 where there are some, which are printed, and 2 where a package was not looked up,
with what is missing; with `--reached-only`, as in `make check`, that is printed, too, and the rest decides. Only the
standard library is needed. An index without a document of a version answers by the one of its newest version, if that
is ours.

Source: https://docs.pypi.org/api/json (the index shows the Python Packaging Advisory Database).
"""

import argparse
import contextlib
import http.client
import json
import re
import ssl
import sys
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

INDEX = "https://pypi.org"
ANSWER_S = 5.0
AT_ONCE = 4

IGNORED: dict[str, str] = {}
"""Vulnerabilities that do not concern this project, by id or alias, each with the reason."""


class Pin(NamedTuple):
    """A package at a version."""

    name: str
    version: str


class UnreachableError(Exception):
    """The index does not answer."""


def read_pins(path: Path) -> list[Pin]:
    """Return the packages of a file of constraints."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Pin(*re.split("==", line, maxsplit=1)) for line in lines if line]


class Index:
    """A package index, over one connection for each thread: hundreds of look-ups of its name take longer."""

    def __init__(self, url: str) -> None:
        self._url, parts = url, urllib.parse.urlsplit(url)
        secure = parts.scheme == "https"
        trusted = {"context": ssl.create_default_context()} if secure else {}
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connect = lambda: kind(parts.netloc, timeout=ANSWER_S, **trusted)
        self._of_thread, self._opened = threading.local(), contextlib.ExitStack()

    def close(self) -> None:
        """Close all connections."""
        self._opened.close()

    def check(self) -> None:
        """Check that the index answers: a resolver without a network may hang for longer than anyone waits.

        Raises:
            UnreachableError: it does not.
        """
        first = threading.Thread(target=self._try, daemon=True)
        first.start()
        first.join(ANSWER_S)
        if first.is_alive():
            raise UnreachableError(f"{self._url}: no answer within {ANSWER_S:.0f} s")

    def page(self, name: str) -> dict | None:
        """Return a document, None where there is none.

        Raises:
            UnreachableError: the index does not answer.
        """
        try:
            status, body = self._get(f"/pypi/{name}/json")
            if status not in (200, 404):
                raise UnreachableError(f"{self._url} answers {status}")
            return json.loads(body) if status == 200 else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UnreachableError(f"{self._url}: {error}") from error

    def _try(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # the first page says why
            self._get("/pypi/pip/json")

    def _get(self, path: str) -> tuple[int, bytes]:
        if not hasattr(self._of_thread, "connection"):
            self._of_thread.connection = self._opened.enter_context(contextlib.closing(self._connect()))
        connection = self._of_thread.connection
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):  # it was closed since the last page
            connection.close()
            connection.request("GET", path)
            answer = connection.getresponse()
        return answer.status, answer.read()


def vulnerabilities(index: Index, pin: Pin) -> list[dict] | None:
    """Return what is known of a package at its version, None where the index does not say."""
    page = index.page(f"{pin.name}/{pin.version}")
    if page is None:
        page = index.page(pin.name)
        if page is None or page.get("info", {}).get("version") != pin.version:
            return None
    return None if "vulnerabilities" not in page else [one for one in page["vulnerabilities"] if not one["withdrawn"]]


def line_of(pin: Pin, found: dict) -> str:
    """Return a vulnerability in one line, with what mends it."""
    ids = " = ".join([found["id"], *found.get("aliases", [])])
    mended = ", ".join(found.get("fixed_in", [])) or "none yet"
    text = " ".join((found.get("summary") or found.get("details") or "").split())[:120]
    return f"{pin.name}=={pin.version}: {ids}, mended in: {mended}. {text}"


def reason_to_ignore(found: dict) -> str | None:
    """Return why a vulnerability does not concern this project, None where it does."""
    return next((IGNORED[name] for name in (found["id"], *found.get("aliases", [])) if name in IGNORED), None)


def audit(index: Index, pins: list[Pin]) -> tuple[int, list[Pin]]:
    """Print what is known of these packages; return the number of vulnerabilities, and the packages without an answer.

    Raises:
        UnreachableError: the index does not answer.
    """
    index.check()
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        answers = list(pool.map(lambda pin: vulnerabilities(index, pin), pins))
    finally:
        pool.shutdown(cancel_futures=True)  # after the first that is not answered, none waits
    count = 0
    for pin, answer in zip(pins, answers, strict=True):
        for found in answer or []:
            reason = reason_to_ignore(found)
            count += reason is None
            print(line_of(pin, found) + (f" IGNORED: {reason}" if reason else ""))
    return count, [pin for pin, answer in zip(pins, answers, strict=True) if answer is None]


def main(words: list[str] | None = None) -> int:
    """Look up all pins."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", default=INDEX)
    parser.add_argument("--constraints", type=Path, default=Path(__file__).parents[1] / "constraints.txt")
    parser.add_argument("--reached-only", action="store_true", help="do not fail for what was not looked up")
    arguments = parser.parse_args(words)
    pins = read_pins(arguments.constraints)
    try:
        with contextlib.closing(Index(arguments.index)) as index:
            count, unknown = audit(index, pins)
    except UnreachableError as error:
        print(
            f"NOT AUDITED: no network, or no index there ({error}). Run `make audit` with one.",
            flush=True,
        )
        return 0 if arguments.reached_only else 2
    print(f"{count} known vulnerabilities in {len(pins) - len(unknown)} of {len(pins)} packages.")
    if unknown:
        print(f"NOT AUDITED: the index says nothing of {', '.join(f'{pin.name}=={pin.version}' for pin in unknown)}.")
    return 1 if count else 2 if unknown and not arguments.reached_only else 0


if __name__ == "__main__":
    sys.exit(main())
