"""Names of other libraries on the command line: answered where dapi has the same weights."""

from __future__ import annotations

from dapi._catalog import lookup
from dapi._cli.options import say
from dapi.exceptions import InvalidNameError, UnknownModelError, UnknownWeightsError


def in_dapi(name: str) -> list[str]:
    """Return the names in dapi for a name of another library, and print them.

    Of its own names, dapi returns the same. Nothing is guessed: an entry lists its other names.

    Raises:
        DapiError: The name is unknown, as for ``lookup.find`` and ``lookup.get_weights``.
    """
    try:
        if lookup.parse(name).member:
            lookup.get_weights(name)
        else:
            lookup.find(name)
    except UnknownWeightsError as error:  # it lists members
        model = name.partition(":")[0]
        found = [f"{model}:{member}" for member in getattr(error, "equivalents", ())]
        if not found:
            raise
    except (UnknownModelError, InvalidNameError) as error:
        found = list(getattr(error, "equivalents", ()))
        if not found:
            raise
    else:
        return [name]
    say(f"{name!r} is called {' or '.join(found)} in dapi.")
    return found
