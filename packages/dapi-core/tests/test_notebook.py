"""What notebooks show: of strangers' names too, and without anything from elsewhere."""

import re
import sys
from html.parser import HTMLParser

import pytest

import dapi
from dapi import File, SearchResults, Status, WeightEntry, Weights
from dapi._answers.differences import Check, Difference
from dapi._text import notebook
from dapi.cache import Finding, Findings
from dapi.exceptions import MissingDependencyError
from dapi.tasks import Prediction

EVIL = "<script>alert(1)</script>' onload='x\u202e\x1b[2J"
PICTURE = b"\x89PNG of no pixels"


class EvilWeights(Weights, meta={"task": EVIL, EVIL: EVIL, "num_params": 269434}):
    Digits_RefV1 = WeightEntry("https://user:secret@example.org/1.pth", meta={"license": "MIT"})
    Digits_RefV2 = WeightEntry(
        "https://example.org/2.pth",
        meta={"metrics": [{"dataset": EVIL, "name": "acc@1", "value": 97.5}]},
        latest=True,
    )


def shown():
    """Return the HTML of everything that has any."""
    rows = [{"label": EVIL, "probability": 0.25}, {"label": "cat", "probability": 1.0}]
    files = {"objects.png": lambda path: path.write_bytes(PICTURE)}
    difference = Difference("model", EVIL, EVIL, 2.0)
    return {
        "member": EvilWeights.Digits_RefV1._repr_html_(),
        "entry": WeightEntry((File("https://example.org/1"),), meta={EVIL: [EVIL]})._repr_html_(),
        "enum": EvilWeights._repr_html_(),
        "search": SearchResults(EvilWeights)._repr_html_(),
        "prediction": Prediction({EVIL: rows, "text": EVIL}, files, input=EVIL)._repr_html_(),
        "verify": Findings([Finding("missing", EVIL, EVIL, EVIL)])._repr_html_(),
        "check": Check(EVIL, "differs", (difference,), reason=EVIL)._repr_html_(),
    }


class Parser(HTMLParser):
    """Collects the tags that are open, all tags, their attributes, and the text."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], set(), set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attributes)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize(
    "kind", ["member", "entry", "enum", "search", "prediction", "verify", "check"]
)
def test_names_of_strangers_are_text(kind):
    """No tag, no attribute, no control character and no password of theirs becomes a part of it."""
    html, parser = shown()[kind], Parser()
    parser.feed(html)

    assert [] == parser.open
    assert parser.tags <= {
        "div", "img", "span", "strong", "table", "tbody", "td", "th", "thead", "tr",
    }  # fmt: skip
    assert parser.attributes <= {"alt", "src", "style"}
    assert "<script>alert(1)</script>" in "".join(parser.text)
    assert not re.search("[\x1b\u202e]|secret", html)


def test_nothing_is_loaded_from_elsewhere():
    """Pictures are inside, and colors are those of the page: light or dark."""
    html = "".join(shown().values())

    sources = re.findall("src='([^']*)'", html)
    assert ["data:image/png;base64,iVBORyBvZiBubyBwaXhlbHM="] == sources
    assert not re.search("(?<!current)colou?r:|#[0-9a-f]{3}|url\\(", html)


def test_probabilities_have_bars():
    """As wide as they are; other numbers have none, nor those that are no part of one."""
    html = notebook.table([{"probability": 0.25, "seconds": 0.5}, {"probability": 7, "seconds": 1}])

    assert ["1.50em"] == re.findall(";width:([^;]*)", html)


def test_long_things_are_cut():
    """Rows, items and words, with how many there are more."""
    html = notebook.card("", {"rows": [{"a": 1}] * 103, "items": [0] * 9, "text": "x" * 5000})

    assert 100 == html.count("<td style='text-align:right'>1</td>")
    assert "3 more" in html and "0, 0, 0, 0, 0, 4 more" in html
    assert len(html) < 8000


def test_sounds_and_large_files_and_others():
    """A sound can be played; a large file is not put into a notebook, nor one of another kind."""
    files = {
        "wav": lambda path: path.write_bytes(b"RIFF"),
        "large.png": lambda path: path.write_bytes(bytes(5_000_000)),
        "safetensors": lambda path: 1 / 0,
    }
    html = notebook.card("", {}, files)

    assert "<audio controls src='data:audio/wav;base64,UklGRg=='>" in html
    assert "large.png: 5,000,000 bytes" in html


def test_search_results_are_a_list_with_columns():
    """A list like any; its rows have what people compare."""
    found = SearchResults(EvilWeights)

    assert found == list(EvilWeights) and isinstance(found, list)
    first, second = found.rows()
    assert (None, None, "MIT", False, False) == tuple(
        first[k] for k in ("metric", "bytes", "license", "latest", "cached")
    )
    metric = {"dataset": EVIL, "name": "acc@1", "value": 97.5}
    assert (metric, [metric], 269434) == tuple(second[k] for k in ("metric", "metrics", "params"))
    assert type(dapi.search()) is dapi.SearchResults


def test_search_results_become_a_data_frame():
    """If pandas is installed; otherwise the error says how to install it."""
    pandas = pytest.importorskip("pandas")
    frame = SearchResults(EvilWeights).to_pandas()

    assert isinstance(frame, pandas.DataFrame)
    assert 97.5 == frame["metric.value"].max()
    assert [True, False] == frame["metric.name"].isna().tolist()


def test_without_pandas_the_error_names_it(monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match="pip install 'pandas'"):
        SearchResults(EvilWeights).to_pandas()


def test_search_that_finds_nothing_says_so():
    """An empty table would be nothing at all."""
    assert "No weights match." in SearchResults([])._repr_html_()


def test_prefix_of_a_file_is_shown():
    """Only where there is one: several files, each with the keys of one part."""
    parts = (File("https://example.org/1", prefix="encoder."), File("https://example.org/2"))

    assert 1 == WeightEntry(parts)._repr_html_().count("encoder.")
    assert "prefix" not in WeightEntry(parts[1:])._repr_html_()


class NetWeights(Weights, meta={"num_params": 1234}):
    Digits_RefV1 = WeightEntry(
        (File("https://example.org/1", size=1000), File("https://example.org/2", size=234)),
        meta={"metrics": ["fast", {"dataset": "A", "name": "acc@1", "value": 9.5}]},
        status=Status("deprecated"),
    )
    Digits_RefV2 = WeightEntry(
        (File("https://example.org/3", size=1000), File("https://example.org/4")),
        meta={"license": "MIT", "metrics": "none"},
        latest=True,
    )


def test_enum_is_a_table_of_its_members():
    """Results in words, and the bytes of all files if each says its size."""
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", NetWeights._repr_html_())

    assert ["Digits_RefV1", "", "fast, A acc@1 9.5", "1,234", "1,234", "unknown", "deprecated"] == (
        cells[:7]
    )
    assert ["Digits_RefV2", "yes", "", "1,234", "", "MIT", ""] == cells[7:]


def test_entry_says_its_status_only_if_it_has_one():
    """Active weights need no word of it."""
    old, new = (member._repr_html_() for member in NetWeights)

    assert "deprecated" in old and "status" in old and "status" not in new
