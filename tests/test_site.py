"""The site's own tools: what they write for the generator, and which broken links they find."""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
problems = runpy.run_path(str(DOCS / "check_site.py"))["problems"]


@pytest.fixture
def build(tmp_path):
    """The functions that write the pages, into directories of the test."""
    module = runpy.run_path(str(DOCS / "build_site.py"))
    module["main"].__globals__.update(PAGES=tmp_path / "pages", SOURCES=tmp_path / "sources")
    return module


@pytest.fixture
def pages(build, tmp_path):
    build["main"]()
    return tmp_path / "pages"


def test_reference_names_only_what_is_public(pages):
    """No page names a private module, so that moving one breaks no link to the reference."""
    texts = {path: path.read_text("utf-8") for path in (pages / "reference").rglob("*.md")}

    assert len(texts) > 60
    assert [path for path, text in texts.items() if "._" in text] == []


def test_reference_has_every_public_name(pages):
    """What dapi and the domains export has its entry, and each error, also when it is new."""
    import dapi
    import dapi.audio
    import dapi.exceptions
    import dapi.text
    import dapi.vision

    text = "\n".join(path.read_text("utf-8") for path in (pages / "reference").rglob("*.md"))
    names = [f"dapi.{name}" for name in dapi.__all__]
    for module in (dapi.audio, dapi.exceptions, dapi.text, dapi.vision):
        names += [f"{module.__name__}.{name}" for name in module.__all__]

    assert [name for name in names if f"::: {name}\n" not in text] == []


def test_every_page_is_in_the_navigation():
    """A new page of docs/ has its place in zensical.toml, where readers find it."""
    navigation = (DOCS.parent / "zensical.toml").read_text("utf-8")

    assert [page.name for page in DOCS.glob("*.md") if f'"{page.name}"' not in navigation] == []


def test_links_to_files_lead_to_pages_that_show_them(pages):
    """A scenario, an example or a folder of the repository is a page of the site."""
    text = (pages / "index.md").read_text("utf-8")

    assert "(source/docs/scenarios/several_weights.py.md)" in text
    assert "def main" in (pages / "source/docs/scenarios/several_weights.py.md").read_text("utf-8")
    assert "[demos.py](examples/demos.py.md)" in (pages / "source/examples.md").read_text("utf-8")


def test_broken_links_are_found(tmp_path):
    """A page, anchor or picture that does not exist, and what another server would serve."""
    (tmp_path / "index.html").write_text(
        '<h1 id="top">x</h1><a href="#top">1</a><a href="other.html#there">2</a>'
        '<a href="gone.html">3</a><a href="#gone">4</a><img src="gone.png">'
        '<script src="https://example.org/x.js"></script><a href="https://example.org">5</a>'
    )
    (tmp_path / "other.html").write_text('<p id="there">')

    assert sorted(problems(tmp_path)) == [
        "index.html: #gone leads nowhere",
        "index.html: gone.html leads nowhere",
        "index.html: gone.png leads nowhere",
        "index.html: loads https://example.org/x.js, which is not in the site",
    ]


# What newcomers ask: the page that answers, counted from the start page by links in texts, and what
# it says there.
ANSWERS = {
    "find the best classifier under 30 M parameters with a free license": (
        "weights.html", "catalogue.md", "license=permissive&params=30000000&sort=value",
    ),
    "fine-tune it": ("fine-tuning.md", "fine-tuning.md", "new_head=True"),
    "find why resnet50 changed": ("faq.md", "faq.md", "Why did the result of"),
    "get the same result next year": ("same-result.md", "same-result.md", "## What to write down"),
    "run offline in a container": ("deployment.md", "deployment.md", "DAPI_OFFLINE=1"),
    "publish weights": ("publishing.md", "publishing.md", "## Weights for somebody else's builder"),
    "lock weights for a fleet": ("fleet.md", "fleet.md", "dapi lock"),
    "come from timm": ("coming-from.md", "coming-from.md", "timm.create_model"),
    "name a photo in Python": ("predict.md", "predict.md", "## In Python"),
    "find the license and hash of weights": ("weights.html", "catalogue.md", "License and hash of"),
}  # fmt: skip
LINKS = re.compile(r"\]\(([\w./-]+\.(?:md|html))[)#]")


@pytest.fixture(scope="module")
def clicks():
    """How many links of texts lead from the start page to each page of docs/."""
    found, waiting = {"index.md": 0}, ["index.md"]
    for page in waiting:
        for link in LINKS.findall((DOCS / page).read_text("utf-8")):
            if link not in found and ((DOCS / link).is_file() or link == "weights.html"):
                found[link] = found[page] + 1
                waiting += [link] if link.endswith(".md") else []
    return found


@pytest.mark.parametrize("question", ANSWERS)
def test_newcomers_find_answers(clicks, question):
    """In two clicks, without the navigation and the search."""
    page, source, answer = ANSWERS[question]

    assert clicks[page] <= 2
    assert answer in (DOCS / source).read_text("utf-8")
