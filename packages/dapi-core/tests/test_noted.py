"""What ``dapi.save`` noted in a file, for tools: read without building a model."""

import pytest

import dapi
from dapi import catalog
from dapi.exceptions import RebuildError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("forget_registered")


@pytest.fixture
def saved(tmp_path):
    """The file of a model with arguments of its own."""

    @dapi.register_model()
    def noted_net(*, weights=None, progress=True, num_classes: int = 2):
        return torch.nn.Linear(3, num_classes)

    path = tmp_path / "net.safetensors"
    dapi.save(noted_net(num_classes=5), path)
    return path


def test_notes_say_how_a_model_was_built(saved):
    """Its builder, its arguments, and the weights that it started from."""
    noted = catalog.saved(saved)

    assert ("noted_net", None) == (noted.builder, noted.weights)
    assert {"num_classes": 5} == dict(noted.config)


def test_other_files_have_no_notes(tmp_path):
    """Neither those of other programs nor those that are no safetensors files."""
    (tmp_path / "net.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (tmp_path / "net.pth").write_bytes(b"PK")

    assert catalog.saved(tmp_path / "net.safetensors") is None
    assert catalog.saved(tmp_path / "net.pth") is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"noted_net"', b'"other_net"', "other_net' is installed"),
        (b'\\"num_classes\\": 5', b'\\"num_clas_es\\": 5', "num_clas_es"),
    ],
)
def test_notes_that_cannot_be_used_are_an_error(saved, old, new, reason):
    """A file is a stranger's: it names a builder that there is, and arguments that it declares."""
    content = saved.read_bytes()
    assert old in content
    saved.write_bytes(content.replace(old, new))

    with pytest.raises(RebuildError, match=reason):
        catalog.saved(saved)
