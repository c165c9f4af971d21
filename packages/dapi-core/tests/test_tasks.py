"""Tasks: what several of them share, on torch or without."""

import io
import sys
from collections import OrderedDict, UserDict

import pytest

from dapi import tasks
from dapi.exceptions import InputError


def values(source):
    return [found.value for found in tasks.read_texts(str(source))]


@pytest.mark.parametrize(
    "words",
    [
        "Hello, world!",
        "either/or",
        "Hello.",
        "3.5 apples",
        "word",
        "a" * 5000,
        "null\0byte",
        "3.14",
        "请安装Python3.10版本",
    ],
    ids=[
        "sentence",
        "slash",
        "full stop",
        "number",
        "word",
        "long",
        "no path",
        "decimal",
        "no spaces",
    ],
)
def test_words_are_what_stands_there(words):
    """What is not plainly a path is the text itself."""
    assert [(words, words)] == tasks.read_texts(words)


def test_a_text_file_is_read_by_lines(tmp_path):
    """Each line that is not blank is an input, known by its words."""
    path = tmp_path / "with spaces"
    path.write_text("\ufeffHëllo.\n\n  Good bye. \n", encoding="utf-8")

    assert [("Hëllo.",) * 2, ("Good bye.",) * 2] == tasks.read_texts(str(path))


@pytest.mark.parametrize("name", ["absent.txt", "{}/absent"], ids=["suffix", "directory"])
def test_a_path_without_its_file_is_no_text(tmp_path, name):
    """A misspelt name of a file is told, not spoken."""
    with pytest.raises(InputError, match="no such file"):
        values(name.format(tmp_path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "it is empty"), (b" \n\n", "it is blank"), (b"\xff\xfe\x00", "it is not text")],
    ids=["empty", "blank", "bytes"],
)
def test_a_file_without_text_says_so(tmp_path, content, reason):
    """The reason names what is wrong with the file."""
    path = tmp_path / "words.txt"
    path.write_bytes(content)

    with pytest.raises(InputError, match=reason):
        values(path)


def test_lines_come_by_standard_input(monkeypatch):
    """As those of a file, whatever words they are."""
    given = io.TextIOWrapper(io.BytesIO("Node.js\r\n\nHëllo.".encode()))
    monkeypatch.setattr(sys, "stdin", given)

    assert ["Node.js", "Hëllo."] == values("-")
    with pytest.raises(InputError, match="^-: it is blank"):
        values("-")


def test_words_in_another_encoding_are_told():
    """A terminal of Latin-1 gives bytes that are no text in UTF-8."""
    with pytest.raises(InputError, match="it is not text. Expected words in UTF-8"):
        values(b"Stra\xdfe".decode("utf-8", "surrogateescape"))


def test_blank_words_are_no_input():
    """An empty argument is refused in words."""
    with pytest.raises(InputError, match="it is blank"):
        values("  ")


def test_a_directory_is_no_file(tmp_path):
    """It says how to name the files in it."""
    with pytest.raises(InputError, match=r"is a directory.*name the files in it") as caught:
        tasks.find_file(str(tmp_path), "a picture")

    assert str(tmp_path) == caught.value.source


@pytest.mark.parametrize("source", ["./absent", "/absent/file", "absent.txt", "folder/absent"])
def test_what_is_meant_as_a_path_is_no_text(source, tmp_path, monkeypatch):
    """A mistyped path is told rather than read as words."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()

    with pytest.raises(InputError, match="no such file"):
        tasks.read_texts(source)


def test_nothing_is_no_path():
    """A variable of the shell that is not set is not the current directory."""
    with pytest.raises(InputError, match="''.*it is blank"):
        tasks.find_file("", "a picture")
    with pytest.raises(InputError, match="it is blank"):
        tasks.read_texts(" ")


def test_tensors_go_where_the_model_is():
    """Whatever dicts, lists and tuples they are in; what is no tensor stays."""
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(1, 1, device="meta")
    given = {"ids": torch.zeros(1), "both": (torch.zeros(1), [torch.zeros(1), "text"])}

    placed = tasks.place(given, model)

    assert "meta" == tasks.place(tasks.Input("a", torch.zeros(1)), model).value.device.type
    assert "meta" == placed["ids"].device.type == placed["both"][0].device.type
    assert ("meta", "text") == (placed["both"][1][0].device.type, placed["both"][1][1])


def test_a_model_without_parameters_takes_what_is_given():
    """Quantized models have none."""
    torch = pytest.importorskip("torch")

    assert 1 == tasks.place(torch.ones(1), torch.nn.Identity()).item()


class Encoding(UserDict):
    """Made from one mapping, as a tokenizer's result in transformers."""

    def __init__(self, data=None):
        super().__init__(data or {})


class Output(OrderedDict):
    """Made from keywords, with attributes, as a model's result in transformers."""

    __getattr__ = OrderedDict.__getitem__


def test_mappings_of_other_libraries_keep_what_they_can():
    """A result has its attributes for each input; a mapping without keywords becomes a dict."""
    torch = pytest.importorskip("torch")
    output = Output(logits=torch.arange(4).reshape(2, 2), loss=0.5, states=(torch.ones(2, 1),))

    first, second = tasks.split(output, 2)
    placed = tasks.place(Encoding({"ids": torch.zeros(1)}), torch.nn.Linear(1, 1, device="meta"))

    assert ([[0, 1]], [[2, 3]]) == (first.logits.tolist(), second.logits.tolist())
    assert (0.5, (1, 1)) == (second.loss, second.states[0].shape)
    assert (dict, "meta") == (type(placed), placed["ids"].device.type)
