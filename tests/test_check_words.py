"""The check of words in sources and documentation, which the session ``lint`` runs."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "check_words.py"


def check(path):
    """Run the tool over one file."""
    return subprocess.run([sys.executable, TOOL, path], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("The download is\ngone on with.\n", "2: 'gone on with': write: continue, resume"),
        ("# It is replaced without\n# a word.\n", "2: 'without a word': write: silently"),
        ('f"{path} is replaced without "\n    "a word."\n', "2: 'without a word': write: silently"),
    ],
)
def test_phrase_is_found_with_its_line_and_a_better_one(text, line, tmp_path):
    """Also one that is broken over two lines, of prose, a comment or a string."""
    path = tmp_path / "page.md"
    path.write_text(text)

    done = check(path)

    assert 1 == done.returncode
    assert f"{path}:{line}\n" == done.stdout


def test_line_may_allow_a_phrase(tmp_path):
    """By the comment that ends it; other text passes."""
    path = tmp_path / "page.md"
    path.write_text("It is resumed.\nA quotation: all the same.  <!-- words: allow -->\n")

    assert (0, "") == (check(path).returncode, check(path).stdout)
