"""Keys are made by a command, fit each other, and are never overwritten."""

from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.transport.security import read_keys


def test_keys_of_a_learner_and_its_actors_fit_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", str(tmp_path / "keys"), "--actors", "2"]) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    learner, *actors = [read_keys(path) for path in files]
    assert [path.name for path in files] == ["learner.keys.json", "actor-0.keys.json", "actor-1.keys.json"]
    assert learner.peers == {f"actor-{i}": actor.public for i, actor in enumerate(actors)}
    assert all(actor.peers == {"learner": learner.public} for actor in actors)
    assert main(["keys", str(tmp_path / "keys")]) == 2


def test_no_actors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["keys", str(tmp_path), "--actors", "0"])
