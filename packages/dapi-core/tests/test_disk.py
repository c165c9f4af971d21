"""Disk: room, and whether a place can be written to, asked by trying."""

from pathlib import Path

from dapi._store import disk


def test_a_folder_that_is_yet_to_be_made_has_no_obstacle(tmp_path):
    """Its nearest parent counts, and nothing is left there."""
    assert "" == disk.obstacle(tmp_path / "new" / "below")
    assert [] == list(tmp_path.iterdir())


def test_an_obstacle_is_told_as_the_system_says_it(tmp_path):
    """A file in place of a folder, and a file system that takes nothing."""
    (tmp_path / "taken").write_text("")

    assert "Not a directory" == disk.obstacle(tmp_path / "taken")
    assert disk.obstacle(Path("/proc/new"))


def test_room_is_that_of_the_nearest_place(tmp_path):
    """Before anything is made there."""
    assert disk.free(tmp_path / "new" / "below") > 0
