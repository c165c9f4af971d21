"""Common parts of commands: their parser, the examples in their help, and messages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from dapi._cli import pager, terminal
from dapi._cli.failures import MISUSED, print_error
from dapi._text.untrusted import printable


class UsageError(Exception):
    """The command line is wrong."""

    def __init__(self, usage: str, reason: str) -> None:
        super().__init__(usage, reason)
        self.usage, self.reason = usage, reason


class Parser(argparse.ArgumentParser):
    """A parser that suggests the option that is meant, and lets the command report errors."""

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError."""
        raise UsageError(self.format_usage(), f"{self.prog}: {message}")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown options where they were passed: a command knows its own."""
        known, rest = super().parse_known_args(args, namespace)
        # argparse leaves them to the main parser, whose usage does not mention the command.
        for word in rest:
            if word.startswith("-") and word != "-":
                from dapi._text.similar import nearest

                near = nearest(word.partition("=")[0], self._option_string_actions)
                meant = f" Did you mean {near[0]}?" if near else ""
                self.error(f"unknown option {word}.{meant} To list all: {self.prog} --help")
        return known, rest


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    *,
    of: str = "",
    aliases: Sequence[str] = (),
    is_long: bool = False,
) -> argparse.ArgumentParser:
    """Add a command; ``run`` is called with its options and returns the exit status.

    ``of`` is the command whose action it is. What ``is_long`` is shown in a pager.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        aliases=aliases,
        help=text,
        description=terminal.filled(text),
        epilog=epilog(f"{of} {name}".lstrip()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    if is_long:
        text = "print to the terminal, without a pager"
        command.add_argument("--no-pager", action="store_true", help=text)
    command.set_defaults(run=pager.paging(run) if is_long else run)
    return command


def epilog(command: str) -> str:
    """Return the end of the help of a command, as in ``"cache add"``."""
    lines = "".join(f"  {line}\n" for line in _EXAMPLES.get(command, ()))
    return f"examples:\n{lines}\n{_MORE}" if lines else _MORE


_EXAMPLES = {
    "list": ("dapi list", "dapi list 'resnet*'", "dapi list --task object-detection"),
    "search": (
        "dapi search --task image-classification --max-params 30M \\\n      --sort acc@1",
        "dapi search roberta --allow-license MIT --json",
    ),
    "show": (
        "dapi show resnet50",
        "dapi show resnet50:ImageNet1K_RefV2",
        "dapi show ResNet50_Weights.IMAGENET1K_V2",
    ),
    "predict": (
        "dapi predict resnet50 photo.jpg",
        "dapi predict wav2vec2_base:LibriSpeech_ASR960h_RefV1 \\\n      speech.wav --json",
    ),
    "fetch": ("dapi fetch resnet50", "dapi fetch --dry-run resnet50 bert_base"),
    "verify": ("dapi verify", "dapi verify resnet50 --repair", "dapi verify --lock"),
    "trust": ("dapi trust", "dapi trust --forget resnet50"),
    "cache": ("dapi cache ls", "dapi cache dir", "dapi cache prune"),
    "cache list": ("dapi cache ls --json",),
    "cache add": ("dapi cache add resnet50.pth", "dapi cache add net.pth --for resnet50"),
    "cache remove": ("dapi cache remove resnet50", "dapi cache remove --older-than 90"),
    "cache prune": ("dapi cache prune",),
    "cache dir": ("du -sh $(dapi cache dir)",),
    "doctor": ("dapi doctor", "dapi doctor dapi-vision", "dapi doctor --build"),
    "env": ("dapi env", "dapi env --json"),
    "check": ("dapi check resnet50", "dapi check --all", "dapi check --lock"),
    "answers": ("dapi answers resnet50 --output answers.json",),
    "completion": (
        'eval "$(dapi completion bash)"  # in ~/.bashrc',
        'eval "$(dapi completion zsh)"   # in ~/.zshrc',
        "dapi completion fish \\\n      > ~/.config/fish/completions/dapi.fish",
    ),
}

# The page of the documentation, in every copy of it.
_MORE = "Exit statuses, JSON and more: docs/command-line.md"


def say(text: str) -> None:
    """Print a sentence on standard error; only results go to standard output."""
    print(terminal.wrapped(f"dapi: {printable(text)}", sys.stderr), file=sys.stderr, flush=True)


def misused(text: str, *, as_json: bool) -> int:
    """Report a wrong command line, and return the exit status."""
    say(text)
    if as_json:
        print_error("usage", text)
    return MISUSED
