"""``dapi doctor`` and ``dapi env``: problems of models, and the installation."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from dapi._cli.doctor import examine
from dapi._cli.failures import FAILED
from dapi._cli.installation import describe
from dapi._cli.options import add_command
from dapi._cli.tables import print_json, print_rows, put, tell
from dapi._plugins.status import PluginInfo, plugins
from dapi._store import disk
from dapi._text import counted
from dapi._values.names import normalize


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    text = "check every distribution, and report why models cannot be found or built"
    doctor = add_command(commands, "doctor", _doctor, text)
    doctor.add_argument(
        "name", nargs="?", help="only this distribution, as in dapi-vision; its models are built"
    )
    doctor.add_argument("--build", action="store_true", help="build all models, without weights")
    text = "show versions, the cache and settings for a bug report, without secrets"
    add_command(commands, "env", _env, text)


def _doctor(options: argparse.Namespace) -> int:
    name = options.name and normalize(options.name)
    build = bool(options.build or name) and find_spec("torch") is not None
    problems = examine(name, build=build)
    found = [plugin for plugin in plugins() if name in (None, plugin.name)]
    if options.json:
        parts: dict[str, Sequence[Any]] = {"plugins": found, "problems": problems}
        told = {key: [each._asdict() for each in part] for key, part in parts.items()}
        print_json({**told, "built": build})
    else:
        print_rows(
            options, list(map(_row, found)), empty="No distribution with models is installed."
        )
        for problem in problems:
            print()
            tell(f"{problem.distribution}: {problem.what.rstrip('.')}.", "  ")
            tell(f"  {problem.remedy}")
        if found and not build:
            print()
            tell(f"The models were imported, not built. {_how_to_build()}")
    return FAILED if problems else 0


def _how_to_build() -> str:
    if find_spec("torch") is None:
        return "To build them, install PyTorch: pip install torch"
    return "To build them too: dapi doctor --build"


def _env(options: argparse.Namespace) -> int:
    facts = describe()
    if options.json:
        print_json(facts)
        return 0
    cache = facts.pop("cache")
    versions = {**facts.pop("distributions"), **facts.pop("packages")}
    shown = {
        "python": facts["python"],
        "platform": facts["platform"],
        **versions,
        "cache": _described(cache),
        "read-only caches": ", ".join(cache.get("read_only", ())) or "none",
        "offline": "yes" if facts["offline"] else "no",
        "mirrors": ", ".join(facts["mirrors"]) or "none",
        **facts["variables"],
    }
    width = max(map(len, shown))
    for name, value in shown.items():
        put(f"{name:{width}}  {value}")
    return 0


def _described(cache: dict[str, Any]) -> str:
    if cache["path"] is None:
        return f"none: {cache['problem']}"
    problem = f"; it cannot be written to ({cache['problem']})" if cache["problem"] else ""
    free = f"; {disk.amount(cache['free'])} free" if cache["free"] is not None else ""
    size = f"{counted(cache['files'], 'file')}, {disk.amount(cache['bytes'])}"
    return f"{cache['path']} ({size}{free}{problem})"


def _row(plugin: PluginInfo) -> dict[str, Any]:
    return {
        "distribution": plugin.name,
        "version": plugin.version,
        "state": plugin.state,
        "models": len(plugin.models),
    }
