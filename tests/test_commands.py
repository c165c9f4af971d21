"""Every command of every distribution: its help, its JSON and its words."""

import ast
import json
import re
from pathlib import Path

import pytest

from dapi import catalog
from dapi._cli import _COMMANDS, main
from dapi._cli.options import _EXAMPLES

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "docs/command-line.schema.json").read_text(encoding="utf-8"))
OF_OTHERS = sorted(
    point.name
    for point in catalog.entry_points("dapi.commands")
    if point.distribution in ("dapi-devkit", "dapi-export", "dapi-lock")
)
ACTIONS = [key for key in _EXAMPLES if " " in key]
ALL = [*_COMMANDS, *ACTIONS, *OF_OTHERS]
WITHOUT_JSON = {
    "completion": "prints a script for a shell",
    "card": "prints Markdown with a header of YAML, which the Hub reads",
    "sbom": "prints a document of another format, which is JSON itself: CycloneDX",
}


def help_of(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "--help"])
    assert not stop.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ALL)
def test_help_has_examples_and_pages(capsys, command):
    """Examples of that command, and pages of the documentation that there are."""
    _, _, epilog = help_of(capsys, command).partition("examples:\n")
    examples, _, pages = epilog.partition("\n\n")

    examples = examples.replace("\\\n", "")
    assert all(f"dapi {command.replace('list', 'ls')}" in line or f"dapi {command}" in line
               for line in examples.splitlines()), examples  # fmt: skip
    found = re.findall(r"docs/\S+\.md", pages)
    assert "docs/command-line.md" in found
    assert all((ROOT / page).is_file() for page in found)


@pytest.mark.parametrize("command", ALL)
def test_help_fits_a_narrow_terminal(capsys, command, monkeypatch):
    """Of 60 columns, but for what must not be broken."""
    monkeypatch.setenv("COLUMNS", "60")
    lines = help_of(capsys, command).splitlines()

    assert [] == [line for line in lines if len(line) > 60 and len(line.split()) > 1]


@pytest.mark.parametrize("command", ALL)
def test_result_can_be_json(capsys, command):
    """There is ``--json``, and a part of the schema; or a reason why there is none."""
    has_option = re.search(r"^ *--json\b", help_of(capsys, command), re.MULTILINE) is not None

    assert has_option != (command in WITHOUT_JSON)
    assert has_option == (command in SCHEMA["$defs"])


@pytest.mark.parametrize("command", sorted({*ALL} - {*WITHOUT_JSON}))
def test_wrong_command_line_is_json(capsys, command):
    """An error has a code where a result would be, whichever parser found it."""
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "--json", "--no-such-option"])
    line = json.loads(capsys.readouterr().out)

    assert (2, "usage") == (stop.value.code, line["error"]["code"])


@pytest.mark.parametrize("words", [["lock", "--check"], ["breaking", "absent", "--against", "1"]])
def test_error_of_a_distribution_is_json(capsys, words, tmp_path, monkeypatch):
    """Also of commands that return a status of their own."""
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--json"])
    line = json.loads(capsys.readouterr().out)

    assert re.fullmatch("[a-z]+(-[a-z]+)*", line["error"]["code"]) and line["error"]["message"]


# A value of any size, and a noun in the plural. Of bytes and weights there is never one.
PLURAL = re.compile(
    r"^ (?:more )?(?:answers|builders|changes|columns|days|differences|distributions|entries"
    r"|files|frames|inputs|keys|lines|models|places|problems|sets|tensors|times)\b"
)
NEVER_ONE = {
    "_answers/differences.py": "times the tolerance, which were more than one, and are no integer",
    "dapi/answers.py": "answers, in an error about any other number than one",
    "audio/alignment.py": "frames, as many as letters, and the blank between two",
    "audio/postprocess.py": "frames that a vocoder needs at least",
    "lock/peft.py": "a verb: an adapter that changes nothing",
    "vision/tasks.py": "frames, if there are more than two",
}


def test_plurals_agree_with_their_number():
    """No message says "1 files": numbers and nouns are joined by ``counted``."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted(ROOT.glob("packages/*/src/**/*.py"))
        if "/".join(path.parts[-2:]) not in NEVER_ONE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        for value, text in zip(node.values, node.values[1:], strict=False)
        if isinstance(value, ast.FormattedValue)
        and "counted" not in ast.unparse(value)
        and isinstance(text, ast.Constant)
        and PLURAL.match(str(text.value))
    ]
    assert [] == found
