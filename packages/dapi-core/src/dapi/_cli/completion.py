"""``dapi completion``: commands, options and names, completed by bash, zsh and fish."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dapi._catalog import builders, lookup
from dapi._cli import terminal
from dapi._cli.options import epilog
from dapi._plugins import discovery
from dapi._text.untrusted import printable
from dapi.exceptions import DapiError

# What the scripts call: the words after "dapi", the last of which is to be completed.
COMPLETE = "__complete"

# bash splits words at colons, which are part of names: read the line, and return what follows.
_BASH = """\
_dapi() {
  local IFS=$' \\t\\n' line="${COMP_LINE:0:COMP_POINT}" current
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="${words[${#words[@]}-1]}"
  IFS=$'\\n'
  COMPREPLY=($(dapi __complete "${words[@]:1}" 2> /dev/null))
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*:}"}"}")
  fi
}
complete -o default -F _dapi dapi
"""
_ZSH = """\
#compdef dapi
_dapi() {
  local -a found
  found=(${(f)"$(dapi __complete "${(@)words[2,CURRENT]}" 2> /dev/null)"})
  if (( $#found )); then compadd -a found; else _files; fi
}
compdef _dapi dapi
"""
_FISH = """\
function __dapi
  dapi __complete (commandline -opc | tail -n +2) (commandline -ct) 2> /dev/null
end
complete -c dapi -a '(__dapi)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

# Commands whose words are names, and those of which only the first is one.
_NAMED = {"show": 1, "predict": 1, "fetch": None, "verify": None, "check": None, "remove": None}


def add_commands(commands: Any) -> None:
    """Add the command of this module."""
    text = "print a script that completes commands, options and names in a shell"
    completion = commands.add_parser(
        "completion",
        help=text,
        description=terminal.filled(text),
        epilog=epilog("completion"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", choices=sorted(_SCRIPTS))
    completion.set_defaults(run=_completion)


def _completion(options: argparse.Namespace) -> int:
    print(_SCRIPTS[options.shell], end="")
    return 0


def complete(parser: argparse.ArgumentParser, words: list[str]) -> int:
    """Print the words that the last one may become, one on each line."""
    *before, begun = words or [""]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they would appear in the line that is typed
        for word in sorted({*_candidates(parser, before, begun)}):
            if word.startswith(begun):
                print(printable(word))
    return 0


def _candidates(parser: argparse.ArgumentParser, before: list[str], begun: str) -> Iterable[str]:
    command, given = "", 0
    for word in before:
        chosen = _commands(parser).get(word)
        if chosen is not None:
            parser, command, given = chosen, word, 0
        elif not word.startswith("-"):
            given += 1
    if begun.startswith("-"):
        return parser._option_string_actions
    if before and before[-1] == "--distribution":
        return {point.distribution for point in discovery.entry_points("dapi.models")}
    if not before:
        others = (point.name for point in discovery.entry_points("dapi.commands"))
        return [*_commands(parser), *others]
    if not given and _choices(parser):
        return _choices(parser)
    limit = _NAMED.get(command, 0)
    return _names(begun) if limit is None or given < limit else ()


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    choices = _choices(parser)
    return choices if isinstance(choices, Mapping) else {}


def _choices(parser: argparse.ArgumentParser) -> Collection[str]:
    """Return the words that the first argument may be; empty if it may be any."""
    # argparse has no public list of its arguments.
    choices = (each.choices for each in parser._actions if not each.option_strings)
    return next((found for found in choices if found is not None), ())  # type: ignore[misc]


def _names(begun: str) -> Iterable[str]:
    """List models, from entry points alone; behind a colon, the weights of one model."""
    model, colon, _ = begun.partition(":")
    if not colon:
        return list(builders.listed())
    try:
        return [f"{model}:{member.name}" for member in lookup.list_weights(model)]
    except DapiError:
        return ()
