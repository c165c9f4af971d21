"""docs/integrations.md: what the tests of integrations ran, and nothing else."""

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
    verdict = PAGES["written"]()[described.name].verdict

    assert verdict in ("works", "works with a remark", "does not work")
    assert described.example in TEXT
    assert described.summary and "\n" not in described.summary


def test_the_page_has_no_other_rows_or_examples():
    """Of a module that was removed or renamed."""
    described = [PAGES["read"](module) for module in PAGES["modules"]()]

    assert sorted(each.name for each in described) == sorted(PAGES["written"]())
    assert sum(1 for each in described if each.example) == TEXT.count("```python\n")
