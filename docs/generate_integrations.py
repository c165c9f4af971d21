"""Return docs/integrations.md: what runs together with dapi, as the tests found it.

``nox -s integrations`` runs the tests, whose conftest writes the page. An example of the page is
the body of a module's function ``example``, which its tests run as a script.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests" / "integrations"
PAGE = ROOT / "docs" / "integrations.md"
HEAD = """# Integrations

Models, transforms and predictors of dapi with the tools that people already use. The
[tests](../tests/integrations) run each integration on a small model; the table and the examples
are what they ran.

| integration | tried with | result | remark |
|---|---|---|---|
"""
TAIL = """
Batch inference and serving on several machines have [a page of their own](many-machines.md).

`nox -s integrations` runs the tests and writes this page.
"""


ROW = re.compile(r"^\| \[?(.+?)(?:\]\(.*?\))? \| (.*?) \| (.+?) \| (.*?) \|$", re.MULTILINE)


class Integration(NamedTuple):
    """A module of tests, as its source describes it.

    Attributes:
        name: The name in the table: the constant ``INTEGRATION``.
        summary: What it shows: the module's docstring.
        distribution: The library: the constant ``DISTRIBUTION``, if there is one.
        remark: A known limit: the constant ``REMARK``, if there is one.
        example: The body of the function ``example``, if there is one.
    """

    name: str
    summary: str
    distribution: str
    remark: str
    example: str


class Result(NamedTuple):
    """What the tests of a module found.

    Attributes:
        version: The library with its version.
        verdict: ``works``, ``works with a remark``, ``does not work`` or ``not tried``.
        remark: The limit, or the reason.
    """

    version: str
    verdict: str
    remark: str


def modules() -> list[Path]:
    """Return the modules of tests."""
    return sorted(TESTS.glob("test_*.py"))


def read(module: Path) -> Integration:
    """Read a module of tests, whose library may not be installed."""
    source = module.read_text("utf-8")
    tree = ast.parse(source)
    constants = {
        each.targets[0].id: each.value.value
        for each in tree.body
        if isinstance(each, ast.Assign)
        and isinstance(each.targets[0], ast.Name)
        and isinstance(each.value, ast.Constant)
    }
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
    example = functions.get("example")
    return Integration(
        str(constants["INTEGRATION"]),
        (ast.get_docstring(tree) or "").strip(),
        str(constants.get("DISTRIBUTION", "")),
        str(constants.get("REMARK", "")),
        "" if example is None else _body(source, example),
    )


def written() -> dict[str, Result]:
    """Return the rows of the page, by the name of the integration."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else ""
    rows = ROW.findall(text.partition("|---|")[2])
    return {name: Result(*cells) for name, *cells in rows}


def _body(source: str, function: ast.FunctionDef) -> str:
    lines = source.splitlines()[function.body[0].lineno - 1 : function.end_lineno]
    return textwrap.dedent("\n".join(lines)) + "\n"


def page(results: Mapping[Path, Result]) -> str:
    """Return the text of the page."""
    found = sorted((read(module), result) for module, result in results.items())
    rows = (
        f"| {_named(each)} | {result.version} | {result.verdict} | {result.remark} |\n"
        for each, result in found
    )
    return HEAD + "".join(rows) + "".join(_sections(each for each, _ in found)) + TAIL


def _named(integration: Integration) -> str:
    if not integration.example:
        return integration.name
    anchor = "".join(c for c in integration.name.lower() if c.isalnum() or c in "-_ ")
    return f"[{integration.name}](#{anchor.replace(' ', '-')})"


def _sections(integrations: Iterable[Integration]) -> Iterable[str]:
    for each in integrations:
        if each.example:
            summary = each.summary.replace("``", "`")
            yield f"\n## {each.name}\n\n{summary}\n\n```python\n{each.example}```\n"
