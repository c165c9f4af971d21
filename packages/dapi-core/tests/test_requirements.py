"""Requirements: what ``packaging`` says of a version or a marker, we say too."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dapi._plugins.requirements import in_metadata, parse

packaging = pytest.importorskip("packaging")

NUMBERS = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(
    lambda parts: ".".join(map(str, parts))
)
ENDS = ["", "a1", "b2", "rc1", ".dev3", "rc1.dev2", ".post1", ".post0.dev1"]
SUFFIXES = st.sampled_from(ENDS)
VERSIONS = st.builds("{}{}{}".format, st.sampled_from(["", "1!"]), NUMBERS, SUFFIXES)
INSTALLED = st.builds("{}{}".format, VERSIONS, st.sampled_from(["", "+cpu"]))
CLAUSES = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), VERSIONS),
    st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), NUMBERS),
    st.builds("~={}.{}{}".format, st.integers(0, 3), NUMBERS, SUFFIXES),
    st.builds("{}{}+cpu".format, st.sampled_from(["==", "!="]), NUMBERS),
)


@given(INSTALLED, st.lists(CLAUSES, min_size=1, max_size=3).map(",".join))
def test_specifiers_allow_what_packaging_allows(version, specifier):
    """The peer decides, with pre-releases admitted: what is installed is there."""
    from packaging.specifiers import SpecifierSet

    expected = SpecifierSet(specifier).contains(version, prereleases=True)

    assert expected == parse(f"acme{specifier}").allows(version)


@pytest.mark.parametrize("comparison", ["<", ">"])
def test_releases_of_one_number_are_ordered_as_by_packaging(comparison):
    """Early, final and late ones, which all have rules of their own: each with each."""
    pytest.importorskip("packaging", minversion="26.4")  # of posts of early ones, others said more
    from packaging.specifiers import SpecifierSet

    ends = [*ENDS, "a1.dev1", "a1.post1", "rc1.post1", "rc1.post1.dev2"]
    for installed, wanted in itertools.product(ends, ends):
        clause = f"{comparison}2.0{wanted}"
        expected = SpecifierSet(clause).contains(f"2.0{installed}", prereleases=True)
        assert expected == parse(f"acme{clause}").allows(f"2.0{installed}"), (installed, clause)


MARKERS = [
    'python_version >= "3.10"',
    'python_version < "3"',
    "python_full_version >= '3.9.1' and python_version != '3.9'",
    'sys_platform == "linux" or sys_platform == "darwin"',
    'os_name == "nt"',
    '(platform_system == "Windows" and extra == "x") or python_version > "3.8"',
    'platform_machine in "x86_64 AMD64 aarch64 arm64"',
    'platform_machine not in "x86_64 AMD64 aarch64 arm64"',
    'implementation_name == "cpython" and platform_python_implementation == "CPython"',
    'extra == "x"',
    'extra == "X_y"',
    '"3.10" <= python_version',
]


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("extra", ["", "x", "x-y"])
def test_markers_hold_where_packaging_says_so(marker, extra):
    """The peer decides on every form that metadata has."""
    from packaging.markers import Marker

    expected = Marker(marker).evaluate({"extra": extra})

    assert expected == parse(f"acme; {marker}").applies([extra] if extra else [])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("torch", "torch"),
        ("Dapi_Core [torch] (~=0.1.0)", "dapi-core[torch]~=0.1.0"),
        ("zope.interface>=5,<6 ; python_version < '4'", "zope-interface>=5,<6"),
        ("acme @ https://example.org/acme.whl ; extra == 'x'", "acme"),
    ],
)
def test_forms_of_a_requirement(line, expected):
    """Old and new forms, with extras, brackets, URLs and markers."""
    assert expected == str(parse(line))


@pytest.mark.parametrize(
    ("line", "version"),
    [("acme===odd", "1"), ("acme>=1", "no version"), ("acme>=1.*", "0.1"), ("acme~=1", "0")],
)
def test_what_cannot_be_read_counts_as_fulfilled(line, version):
    """A check that does not understand does not refuse."""
    assert parse(line).allows(version)
    assert not parse("acme; of_tomorrow ~= 'x'").applies()


def test_metadata_ends_at_its_description():
    """What a README says is no requirement; nor is a line that cannot be read."""
    text = "Name: acme\nRequires-Dist: torch>=2\nRequires-Dist: !!\n\nRequires-Dist: evil\n"

    assert ["torch>=2"] == [str(each) for each in in_metadata(text)]
