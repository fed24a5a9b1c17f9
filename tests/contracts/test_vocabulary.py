"""Words that stay out of code, tests and documents, each with the field's term."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    *(path for room in ("controllers", "robot_rl", "launch", "tests") for path in sorted((ROOT / room).rglob("*.py"))),
    *(
        path
        for path in sorted(
            [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("firmware/*.md"), ROOT / "Makefile"]
        )
    ),
]
EXEMPT = {
    "CHANGELOG.md",  # the past as it was
    "CONTRIBUTING.md",  # teaches the words
    "robot_rl/core/renamed.py",  # refuses them
    "tests/cli/test_commands.py",  # tests that refusal
    "tests/contracts/test_vocabulary.py",  # lists them
    "tests/core/test_renamed.py",  # tests that refusal
}
WORDS = {
    "books": "counters, statistics",
    "born": "created, spawned",
    "clumsiness": "action_noise",
    "doors?": "implementation, entry, boundary",
    r"(?<!robot-rl )(?<!cli/)(?<!docs/)(?<!\]\()(?<![`\"])eyes": "vision, cameras; `eyes` is a command",
    "figures": "metrics, numbers",
    "films?|filmed|filming": "video",
    "greedy_share": "deterministic_fraction",
    "house": "project",
    "likes": "chooses",
    "moods?": "load",
    "nobody": "none, no person, no process",
    "mover": "motion_device",
    r"operator\.md": "a document that readers have",
    "pictures?": "image",
    "promised?|promises": "bound, contract",
    "referee": "task server, episode source",
    "riddles?": "question",
    "rivals?": "baseline",
    "source: prototype": "a document that readers have",
    "seats?": "launch",
    "stopaskederror": "StopRequestedError",
    "somebody": "a person, another process",
    "told": "commanded, reported, requested",
    "took_over|handed_back": "intervention_start, intervention_end",
    "walk_back": "retrace",
    "wish|wishes": "request",
}
"""Pattern of whole words, also within an identifier -> what to write instead."""


@pytest.fixture(scope="module")
def texts() -> dict[str, tuple[str, str]]:
    """Path from the root -> text of each source that is read, as it is and in lower case."""
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in SOURCES}
    return {path: (text, text.lower()) for path, text in texts.items() if path not in EXEMPT}


@pytest.mark.parametrize("word", WORDS)
def test_word_stays_out_of_code_and_documents(word: str, texts: dict[str, tuple[str, str]]) -> None:
    anywhere = re.compile(word)  # much faster than the pattern, which looks around each character
    pattern = re.compile(rf"(?<![a-z])(?:{word})(?![a-z])", re.IGNORECASE)
    found = [
        f"{path}:{number} {line.strip()}"
        for path, (text, lower) in texts.items()
        if anywhere.search(lower)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == [], f"write {WORDS[word]!r} instead"
