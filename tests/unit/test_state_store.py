"""Where the sweep's state is kept."""

from pathlib import Path
from typing import Any

import pytest

from otai_freshdesk.state_store import FileStore, MemoryStore, SsmStore, open_store


def test_the_place_decides_the_store(tmp_path: Path, ssm: Any) -> None:
    assert isinstance(open_store("memory"), MemoryStore)
    assert isinstance(open_store(f"file:{tmp_path}/state.json"), FileStore)
    assert isinstance(open_store("ssm:/otai/state"), SsmStore)


@pytest.mark.parametrize("place", ["memory", "file", "ssm"])
def test_what_was_saved_last_is_loaded(place: str, tmp_path: Path, ssm: Any) -> None:
    places = {"memory": "memory", "file": f"file:{tmp_path}/a/b.json", "ssm": "ssm:/otai/state"}
    store = open_store(places[place])

    assert store.load() is None
    store.save("first")
    store.save("second")
    assert store.load() == "second"


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "state.json")
    store.save("first")
    store.save("second")

    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_place_that_cannot_be_used_is_an_error_and_not_an_empty_state(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "folder").mkdir()

    with pytest.raises(IsADirectoryError):
        FileStore(tmp_path / "folder").load()
    with pytest.raises(OSError, match="file"):
        FileStore(tmp_path / "file" / "state.json").save("x")


def test_ssm_that_refuses_is_an_error_and_not_an_empty_state(ssm: Any) -> None:
    store = SsmStore("/otai/state")

    with pytest.raises(OSError, match="/otai/state"):
        store.save("")  # SSM takes no empty value
