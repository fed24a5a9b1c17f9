"""Keys are made by a command, fit each other, are never overwritten, and are listed without their secrets."""

import json
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.transport.keys import fingerprint, read_keys


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["keys", "make", str(tmp_path / "keys"), "--actors", "2"]) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in files] == ["learner.keys.json", "actor-0.keys.json", "actor-1.keys.json"]
    return tmp_path / "keys"


def test_keys_of_a_learner_and_its_actors_fit_each_other(folder: Path) -> None:
    learner, *actors = [read_keys(folder / f"{name}.keys.json") for name in ("learner", "actor-0", "actor-1")]
    assert learner.peers == {f"actor-{i}": actor.public for i, actor in enumerate(actors)}
    assert all(actor.peers == {"learner": learner.public} for actor in actors)
    assert [path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())] == [0o700, 0o600, 0o600, 0o600]
    assert main(["keys", "make", str(folder)]) == 2


def test_listing_shows_fingerprints_and_no_secret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "revoke", str(folder), "actor-1"]) == 0
    capsys.readouterr()
    assert main(["keys", "list", str(folder)]) == 0
    text = capsys.readouterr().out
    learner, actor = (read_keys(folder / f"{name}.keys.json") for name in ("learner", "actor-0"))
    rows = [line.split() for line in text.splitlines()]
    assert ["learner.keys.json", "actor-0", fingerprint(actor.public), "admitted"] in rows
    assert ["actor-0.keys.json", "learner", fingerprint(learner.public), "learner"] in rows
    assert ["learner.keys.json", "actor-1", "revoked"] in [[row[0], row[1], row[3]] for row in rows]
    values = [json.loads(path.read_text()) for path in folder.iterdir()]
    assert not [value for value in values if value["secret"] in text or value["public"] in text]


def test_a_file_that_others_can_read_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "actor-0.keys.json").chmod(0o644)
    assert main(["keys", "list", str(folder)]) == 1
    assert "actor-0.keys.json" in (text := capsys.readouterr().out) and "mode 644; chmod 600 it" in text


def test_a_revoked_name_is_free_for_another_key(folder: Path) -> None:
    before = read_keys(folder / "learner.keys.json")
    assert main(["keys", "revoke", str(folder), "actor-1"]) == 0
    assert not (folder / "actor-1.keys.json").exists()
    assert main(["keys", "add", str(folder), "actor-1"]) == 0
    after = read_keys(folder / "learner.keys.json")
    assert after.peers == {**before.peers, "actor-1": read_keys(folder / "actor-1.keys.json").public}
    assert after.revoked == {before.peers["actor-1"]: "actor-1"} and after.secret == before.secret


def test_revoking_says_what_it_deletes_and_that_a_key_is_revoked_already(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = fingerprint(read_keys(folder / "actor-1.keys.json").public)
    assert main(["keys", "revoke", str(folder), "actor-1"]) == 0
    assert capsys.readouterr().out == f"actor-1: revoked {key}, deleted actor-1.keys.json\n"
    assert main(["keys", "revoke", str(folder), "actor-1"]) == 2
    assert f"revoked already: {key}" in (said := capsys.readouterr().err) and "actor-0" not in said
    (folder / "actor-0.keys.json").unlink()  # it was moved to its computer
    assert main(["keys", "revoke", str(folder), "actor-0"]) == 0
    assert "deleted" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("revoke", "actor-7"), "one of 'actor-0', 'actor-1'"),
        (("add", "actor-0"), "which is taken"),
        (("add", "learner"), "which is taken"),
        (("add", "../x"), "expected letters"),
    ],
)
def test_what_cannot_be_is_refused(
    folder: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    action, *rest = words
    assert main(["keys", action, str(folder), *rest]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [("add",), ("revoke",), ("list", "actor-0")])
def test_a_name_belongs_to_adding_and_revoking(words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["keys", words[0], str(tmp_path), *words[1:]])


def test_no_actors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["keys", "make", str(tmp_path), "--actors", "0"])
