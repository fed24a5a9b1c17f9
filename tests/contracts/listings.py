"""The listings of docs/extending.md, so that what the page shows is what the tests run."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
LISTING = re.compile(
    r"^```(?:python|yaml|toml|xml)\n(?:#|<!--) (?P<name>\S+)(?: -->)?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def listing(name: str) -> str:
    """Return the text of a file that the page shows; its first line, a comment, is the file's name."""
    texts = {match["name"]: match["text"] for match in LISTING.finditer(PAGE.read_text(encoding="utf-8"))}
    return texts[name]
