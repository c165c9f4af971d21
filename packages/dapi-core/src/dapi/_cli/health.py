"""``dapi doctor``: what keeps models from being found or built."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from dapi._cli.options import FAILED, add_command
from dapi._cli.tables import print_rows, put
from dapi._doctor import examine
from dapi._names import normalize
from dapi._plugins import PluginInfo, plugins


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    text = "tell the state of every distribution, and what keeps models from being found or built"
    doctor = add_command(commands, "doctor", _doctor, text)
    doctor.add_argument("name", nargs="?", help="only this distribution, as in dapi-vision")


def _doctor(options: argparse.Namespace) -> int:
    name = options.name and normalize(options.name)
    problems = examine(name)
    found = [plugin for plugin in plugins() if name in (None, plugin.name)]
    if options.json:
        parts: dict[str, Sequence[Any]] = {"plugins": found, "problems": problems}
        told = {key: [each._asdict() for each in part] for key, part in parts.items()}
        print(json.dumps(told, indent=2))
    else:
        print_rows(options, list(map(_row, found)), empty="No distribution with models is here.")
        for problem in problems:
            print()
            put(f"{problem.distribution}: {problem.what.rstrip('.')}.")
            put(f"  {problem.remedy}")
    return FAILED if problems else 0


def _row(plugin: PluginInfo) -> dict[str, Any]:
    return {
        "distribution": plugin.name,
        "version": plugin.version,
        "state": plugin.state,
        "models": len(plugin.models),
    }
