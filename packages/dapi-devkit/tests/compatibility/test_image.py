"""Images: the same facts give the same bytes, and what is no image is refused in words."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dapi.devkit.compatibility.comparing import compare
from dapi.devkit.compatibility.image import Image
from dapi.devkit.exceptions import ImageError


@pytest.mark.parametrize("name", ["image.json", "image.json.gz"])
def test_an_image_is_read_as_it_was_written(content, tmp_path, name):
    """A file is compressed by its suffix, and read whatever it is."""
    path = tmp_path / "compat" / name
    Image(content).write(path)

    assert content == Image.read(path).content
    assert name.endswith(".gz") == (path.read_bytes()[:2] == b"\x1f\x8b")


def test_the_same_facts_give_the_same_bytes(content, tmp_path):
    """The order in which facts were noted does not matter, nor when."""
    shuffled = dict(reversed(content.items()))
    for number, each in enumerate((content, shuffled)):
        Image(each).write(tmp_path / f"{number}.json.gz")

    assert (tmp_path / "0.json.gz").read_bytes() == (tmp_path / "1.json.gz").read_bytes()


def test_writing_leaves_the_old_image_or_the_new(content, tmp_path, monkeypatch):
    """A failure in the middle changes nothing, and leaves nothing behind."""
    path = tmp_path / "image.json"
    Image(content).write(path)
    before = path.read_bytes()
    path.parent.chmod(0o500)
    try:
        monkeypatch.setattr("pathlib.Path.replace", _fail)
        with pytest.raises(ImageError, match="cannot be written.*--output"):
            Image({**content, "version": "2.0"}).write(path)
    finally:
        path.parent.chmod(0o700)

    assert before == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def _fail(*_):
    raise OSError(28, "No space left on device")


def test_a_newer_format_says_to_upgrade(content):
    """What a later dapi-devkit wrote is not misread."""
    with pytest.raises(ImageError, match=r"format 2.*pip install --upgrade dapi-devkit"):
        Image.parse(json.dumps({**content, "format": 2}).encode())


BAD = {
    "empty": b"",
    "text": b"not an image",
    "another JSON": b'{"format": 1, "answers": {}}',
    "a list": b"[1]",
    "deep": b"[" * 100_000,
    "cut": gzip.compress(b'{"format": 1}' * 100)[:20],
    "no gzip": b"\x1f\x8b\x08\x00 and then nothing",
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_image_is_refused(kind):
    """Damage ends in an error that says what to do."""
    with pytest.raises(ImageError, match=r"[Mm]ake it again: dapi snapshot"):
        Image.parse(BAD[kind])


def test_a_missing_file_says_how_to_make_one(tmp_path):
    """The command is named."""
    with pytest.raises(ImageError, match="dapi snapshot"):
        Image.read(tmp_path / "1.0.json.gz")


def places(value, path=()):
    """List all places in nested values."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    if isinstance(value, dict | list):
        for key, item in items:
            yield from (
                places(item, (*path, key)) if isinstance(item, dict | list) else [(*path, key)]
            )


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.just([]), st.just({}),
    st.just({"texts": "x"}), st.just({"0-99999999999": "a"}), st.just("float32 axb"),
)  # fmt: skip


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_damaged_image_is_refused_or_compared(content, data):
    """Whatever stands anywhere in an image, comparing it ends in findings or in an ImageError."""
    text = json.dumps(content)
    damaged = json.loads(text)
    *path, last = data.draw(st.sampled_from([each for each in places(damaged) if each]))
    target = damaged
    for key in path:
        target = target[key]
    target[last] = data.draw(JUNK)
    try:
        found = compare(Image(json.loads(text)), Image(damaged))
        found += compare(Image(damaged), Image(json.loads(text)))
    except ImageError:
        return
    assert all(each.where for each in found)
