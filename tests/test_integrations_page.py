"""docs/integrations.md: what the tests of integrations ran, and nothing else."""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = runpy.run_path(str(DOCS / "generate_integrations.py"))
TEXT = PAGES["PAGE"].read_text("utf-8")


@pytest.mark.parametrize("module", PAGES["modules"](), ids=lambda module: module.stem)
def test_each_module_has_its_row_and_its_example(module):
    """The row says whether it works; the example is the one that the tests run."""
    described = PAGES["read"](module)
    rows = re.findall(r"^\| \[?(.+?)(?:\]\(.*?\))? \| .* \| (.+?) \| .* \|$", TEXT, re.MULTILINE)

    assert dict(rows)[described.name] in ("works", "works with a remark", "does not work")
    assert described.example in TEXT
    assert described.summary and "\n" not in described.summary


def test_the_page_has_no_other_rows_or_examples():
    """Of a module that was removed or renamed."""
    described = [PAGES["read"](module) for module in PAGES["modules"]()]

    assert len(described) == len(re.findall(r"^\| .* \|$", TEXT, re.MULTILINE)) - 1
    assert sum(1 for each in described if each.example) == TEXT.count("```python\n")
