"""Source code of a project that wraps a class: what replaces the words of its templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap as wrap_text

from dapi.devkit._source import entry_source, imports
from dapi.devkit._wrap import Wrapped

_WIDTH = 100
_DEFAULTS = ("BuilderConfig", "WeightsLike", "register_model")


def words(wrapped: Wrapped, member: str) -> dict[str, str]:
    """Return the replacements of the templates' words, for weights that are called ``member``."""
    module, _, name = wrapped.target.partition(":")
    entry = entry_source(wrapped.entry, indent="    ", before=f"{member} = ")
    remarks = "".join(f"{_comment(each)}\n    " for each in wrapped.remarks)
    fixed = [f'"{each}": {each},' for each in wrapped.required]
    fixed += ['"pretrained": False,  # dapi loads the files'] * wrapped.loads_files
    requirements = [f"{each}{bounds}" for each, bounds in wrapped.requirements.items()]
    return {
        "from dapi import (\n    BuilderConfig,\n    WeightEntry,\n    Weights,\n    WeightsLike,\n"
        "    register_model,\n)": _imports(entry),
        "\n    starter_option: Any\n": "\n" * bool(wrapped.optional)
        + _lines("    {}: {}", wrapped.optional),
        "    starter_argument: Any,\n": _lines("    {}: {},", wrapped.required),
        "        starter_argument: As of the class.\n": _lines(
            "        {}: As of the class.", wrapped.required
        ),
        '        "starter_argument": starter_argument,\n': "".join(f"        {x}\n" for x in fixed),
        "    from starter_owner import Starter\n": _import(module, name),
        "Starter(**arguments)": f"{name}(**arguments)",
        "AcmeStarter_RefV1 = ": f"{remarks}{member} = ",
        'WeightEntry(url="https://example.org/starter.safetensors")': entry,
        '  "starter-owner>=7",\n': "".join(f'  "{each}",\n' for each in requirements),
        "starter_owner:Starter": wrapped.target,
        "starter_owner": module.partition(".")[0],
    }


def _lines(form: str, types: Mapping[str, str]) -> str:
    return "".join(f"{form.format(name, kind)}\n" for name, kind in types.items())


def _imports(entry: str) -> str:
    ours, *steps = imports(entry)
    names = {*ours.removeprefix("from dapi import ").split(", "), *_DEFAULTS}
    listed = _exploded(sorted(names, key=lambda name: (name[0].islower(), name)))
    return "\n".join([f"from dapi import {listed}", *steps])


def _import(module: str, name: str) -> str:
    line = f"    from {module} import {name}\n"
    return (
        line if len(line) <= _WIDTH + 1 else f"    from {module} import (\n        {name},\n    )\n"
    )


def _exploded(names: Iterable[str]) -> str:
    return "(\n" + "".join(f"    {name},\n" for name in names) + ")"


def _comment(remark: str) -> str:
    lines = wrap_text(remark, _WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    return "\n    ".join(f"# {line}" for line in lines)
