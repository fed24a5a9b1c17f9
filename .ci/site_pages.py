"""Pages of the site that lie outside of docs/: the front page, the architecture, and what else documents link to."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md",
    "firmware/README.md", "firmware/PROTOCOL.md", "firmware/FAILURES.md",
)  # fmt: skip
OTHERS = ("LICENSE", "launch/robot.rviz")
"""Files that pages link to as they are."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages; the front page becomes the site's index."""
    files.remove(files.src_uris["index.md"])
    for name in (*PAGES, *OTHERS):
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links of the repository into those of the site, where docs/ is the root."""
    markdown = markdown.replace("](docs/index.md)", "](README.md)")  # the menu lists the pages
    if page.file.src_uri in PAGES:
        return re.sub(r"(\]\(|src=\"|href=\")(?:\.\./)?docs/", r"\1" + "../" * page.file.src_uri.count("/"), markdown)
    return re.sub(r"\]\(\.\./", "](", markdown)
