"""Names: ``[distribution/]builder[:[publisher/]member]``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dapi.catalog import Name, normalize, parse
from dapi.exceptions import InvalidNameError

builders = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True)
members = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
distributions = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5})?", fullmatch=True)


@given(st.none() | distributions, builders, st.none() | members, st.none() | distributions)
def test_parse_takes_apart_what_was_put_together(distribution, builder, member, publisher):
    """Every well-formed name comes apart into the parts it was made of."""
    name = f"{distribution}/{builder}" if distribution else builder
    publisher = publisher if member else None
    if member:
        name += f":{publisher}/{member}" if publisher else f":{member}"

    assert (distribution, builder, member, publisher) == parse(name)


@given(st.none() | distributions, builders, st.none() | members, st.none() | distributions)
def test_names_are_written_as_they_are_read(distribution, builder, member, publisher):
    """A name survives being written; a publisher that owns the builder need not be said."""
    name = Name(distribution, builder, member, publisher if member else None)
    again = parse(str(name))

    assert str(again) == str(name)
    assert again == name or (again.publisher is None and name.publisher == name.distribution)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a/b/c",
        "a:b:c",
        "a:b/c/d",
        "a:/b",
        "a:b/",
        "../x",
        "a/../b",
        "resnet50:",
        "/resnet50",
        ":x",
        "résnet",
        None,
        5,
    ],
)
def test_parse_anything_else_is_an_error(name):
    """What is not of the grammar raises, and the error shows the form."""
    with pytest.raises(InvalidNameError, match="builder"):
        parse(name)


def test_normalize_treats_separators_alike():
    """Distribution names compare as package indexes compare them."""
    assert normalize("Acme.Models_x") == normalize("acme-models-X") == "acme-models-x"


def test_normalize_leaves_the_owner_of_a_notebook():
    """What a notebook registers belongs to __main__, which is not a distribution."""
    assert "__main__" == normalize("__main__")
