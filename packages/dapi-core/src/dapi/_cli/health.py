"""``dapi doctor``: what keeps models from being found or built."""

from __future__ import annotations

import argparse
import json
from typing import Any

from dapi import _discovery
from dapi._cli.options import FAILED, add_command
from dapi._cli.tables import print_rows


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    text = "tell what keeps models from being found or built"
    add_command(commands, "doctor", _doctor, text)


def _doctor(options: argparse.Namespace) -> int:
    from dapi._doctor import examine

    problems = [problem._asdict() for problem in examine()]
    if options.json:
        plugins = [plugin._asdict() for plugin in _discovery.plugins()]
        print(json.dumps({"plugins": plugins, "problems": problems}, indent=2))
    else:
        rows = [
            {
                "distribution": p.name,
                "version": p.version,
                "state": p.state,
                "models": len(p.models),
            }
            for p in _discovery.plugins()
        ]
        print_rows(options, rows, empty="No distribution with models is installed.")
        for problem in problems:
            print(f"\n{problem['distribution']}: {problem['what']}.\n  {problem['remedy']}")
    return FAILED if problems else 0
