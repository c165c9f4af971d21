"""The suite: what is checked of what, and what an outcome means."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from dapi._cli import main
from dapi.devkit import _checks, _suite
from dapi.devkit._checks import Check
from dapi.devkit._models import Workshop
from dapi.devkit._snapshots import Snapshots
from dapi.devkit._subjects import Builder
from dapi.devkit._suite import Demands
from dapi.devkit.exceptions import ConformanceError, UnknownDistributionError

OTHER_ENUM = """class MossNetWeights(Weights):
    Moss_RefV1 = WeightEntry("https://example.org/moss.pth", latest=True)


@register_model(weights=PlantNetWeights)"""
ANSWERED = """
[dapi.models]
plantnet = acme_plants.nets:plantnet
[dapi.weights]
plantnet = acme_plants.nets:PlantNetWeights
[dapi.answers]
answers = acme_plants
[dapi.tasks]
tabular-classification = acme_plants.runs:task
[dapi.samples]
tabular-classification = acme_plants.runs:sample
"""
RUNS = """
from dapi import tasks

SCALE = 1

class Rows:
    def __call__(self, value):
        import torch
        return SCALE * torch.tensor([value])

def task(model, weights):
    transforms = weights.transforms()
    def predict(value):
        return tasks.Prediction({"y": model(tasks.place(transforms(value), model)).tolist()})
    return tasks.Predictor(lambda source: [], predict)

def sample(weights):
    return tasks.Sample([0.5, 1.0, 2.0, 4.0])
"""
FAILED, SKIPPED, EXPECTED = pytest.fail.Exception, pytest.skip.Exception, pytest.xfail.Exception
NO_LICENSE = ('"MIT"', '"Free for friends"')
OF_LICENSE = "DAPI-C032:plantnet:Plants_RefV1"


def cases(folder=None, *, update=False, largest=None, fetch=False, **stated):
    workshop = Workshop(largest, may_fetch=fetch, snapshots=Snapshots(folder, update))
    return _suite.cases("Acme_Plants", Demands("the test", **stated), workshop)


def outcome(case):
    """Run a case; return the class and the text of what it ends with."""
    try:
        case.run()
    except (FAILED, SKIPPED, EXPECTED) as error:
        return type(error), str(error)
    return None, ""


def failures(**stated):
    return [case.id for case in cases(**stated) if outcome(case)[0] is FAILED]


def test_every_thing_is_checked_by_what_is_about_it(acme):
    """Each check on each of its subjects: a distribution, its lines, builders, enums, members."""
    acme()
    ids = [case.id for case in cases()]

    assert len(ids) == len(set(ids))
    assert {"DAPI-C001-acme-plants", "DAPI-C005-dapi.models:plantnet", "DAPI-C010-plantnet",
            "DAPI-C020-PlantNetWeights", "DAPI-C030-plantnet:Plants_RefV1"} <= set(ids)  # fmt: skip
    assert len(_checks.CHECKS) + 2 == len(ids)  # two lines of entry points, one of all else


def test_good_one_fails_nothing(acme):
    """What is as the design promises passes, or is skipped with what would be needed."""
    acme()
    found = [outcome(case) for case in cases()]

    assert {None, SKIPPED} == {kind for kind, _ in found}
    skipped = [text for kind, text in found if kind is SKIPPED]
    assert ["no snapshot directory: inherit dapi.devkit.Conformance in a test file"] == [
        text for text in skipped if not text.startswith("of level ")
    ]


def test_failure_says_id_what_where_why_and_remedy(acme):
    """In this order, in words that can be acted upon."""
    acme(NO_LICENSE)
    text = next(text for case in cases() if (text := outcome(case)[1]) and "C032" in case.id)

    assert text.splitlines() == [
        "DAPI-C032 plantnet:Plants_RefV1: Its license is an SPDX expression, or unknown.",
        "  the license 'Free for friends' is not an SPDX expression",
        "  where:  acme_plants.nets:PlantNetWeights.Plants_RefV1",
        "  why:    Users cannot determine whether they may use the weights.",
        "  remedy: Take the identifier from https://spdx.org/licenses/, as in 'BSD-3-Clause'.",
    ]


def test_failure_shows_no_password_of_an_address(acme):
    """Reports of tests are published."""
    address = "https://me:s3cret@example.org/net.pth?X-Amz-Signature=s3cret"
    acme(
        ('url="package:acme_plants/net.safetensors"', f'url="{address}"'),
        ('sha256="', 'sha256=None and "'),
    )
    text = "".join(outcome(case)[1] for case in cases())

    assert "https://example.org/net.pth?*** has no full sha256" in text
    assert "s3cret" not in text


@pytest.mark.parametrize("key", ["DAPI-C032", OF_LICENSE])
def test_failure_can_be_expected_with_a_reason(acme, key):
    """Of one thing, or of everything that a check is about."""
    acme(NO_LICENSE)
    found = [outcome(case) for case in cases(expected_failures={key: "asked, issue 12"})]

    assert ["asked, issue 12"] == [text for kind, text in found if kind is EXPECTED]
    assert FAILED not in {kind for kind, _ in found}


def test_expected_failure_that_passes_fails(acme):
    """What was mended is no longer excused."""
    acme()
    stated = {"expected_failures": {OF_LICENSE: "asked, issue 12"}}

    assert [OF_LICENSE.replace(":", "-", 1)] == failures(**stated)
    (text,) = (text for case in cases(**stated) if (text := outcome(case)[1]) and "issue" in text)
    assert "Remove it from expected_failures" in text


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_expecting_a_failure_needs_a_reason(reason):
    """No reason is an error, not an excuse."""
    with pytest.raises(ConformanceError, match="without a reason"):
        Demands("the test", expected_failures={"DAPI-C032": reason})


@pytest.mark.parametrize("key", ["DAPI-C999", "DAPI-C032:plantnet:Plants_RefV9", "C032"])
def test_expecting_what_is_not_checked_is_an_error(acme, key):
    """A misspelt key would excuse nothing, unnoticed."""
    acme()
    with pytest.raises(
        ConformanceError, match=f"expects {key} to fail, but there is no such check"
    ):
        cases(expected_failures={key: "a reason"})


def later_check(level):
    def test(builder):
        yield "never"

    return Check("DAPI-C999", level, Builder, "A rule.", "A reason.", "A remedy.", test)


def test_check_of_a_later_level_fails_nobody_who_did_not_ask(acme, monkeypatch):
    """It is shown as skipped, with how to opt in; who opts in is failed."""
    acme()
    monkeypatch.setattr(_checks, "CHECKS", (later_check(2),))

    (case,) = cases()
    assert outcome(case)[0] is SKIPPED
    assert (
        "of level 2; the test states 1: raise the level to require it: A rule." == outcome(case)[1]
    )
    assert ["DAPI-C999-plantnet"] == failures(level=2)


@pytest.mark.parametrize("level", [0, _checks.LEVEL + 1])
def test_level_is_one_that_there_is(level):
    """Who asks for a later suite is told to install it."""
    with pytest.raises(ConformanceError, match="pip install --upgrade dapi-devkit"):
        Demands("the test", level)


def test_error_in_a_check_is_a_failure_with_its_place(acme):
    """The distribution's own code may raise anything."""
    acme(("    from torch.nn import Linear", "    raise SystemExit('no')"))
    (text,) = (text for case in cases() if (text := outcome(case)[1]) and "C050" in text)

    assert "  SystemExit: no (" in text
    assert "acme_plants/nets.py:" in text


def test_static_half_runs_without_torch(acme, monkeypatch):
    """What builds nothing is checked where torch is not installed."""
    acme(NO_LICENSE)
    monkeypatch.setattr(_suite, "find_spec", lambda name: None)
    found = {case.check.id: outcome(case) for case in cases()}

    assert FAILED is found["DAPI-C032"][0]
    assert (SKIPPED, "torch is not installed") == found["DAPI-C050"]
    assert {kind for check, (kind, _) in found.items() if check >= "DAPI-C050"} == {SKIPPED}


def test_unknown_distribution_is_told_from_a_misspelt_one(acme):
    """The error names what is near."""
    acme()
    with pytest.raises(UnknownDistributionError, match="Did you mean 'acme-plants'"):
        _suite.cases("acme-plant", Demands("here"), Workshop(None, False, Snapshots(None)))


def test_large_models_are_built_on_meta_only(acme):
    """Above the limit, only a file that comes with a package is loaded."""
    acme()
    found = {case.check.id: outcome(case) for case in cases(largest=9)}

    assert (None, "") == found["DAPI-C053"]
    assert (SKIPPED, "larger than the limit: raise --dapi-max-parameters") == found["DAPI-C054"]
    assert (None, "") == found["DAPI-C055"]  # its file comes with the package


@pytest.fixture
def served(acme):
    """Install ``acme-plants`` with its file on a server; the function takes replacements."""
    servers = []

    def install(*replacements):
        site = acme(*replacements)
        folder = site / "acme_plants"
        handler = partial(SimpleHTTPRequestHandler, directory=folder)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        path = folder / "nets.py"
        url = f"http://127.0.0.1:{server.server_port}/"
        path.write_text(path.read_text().replace("package:acme_plants/", url))

    yield install
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def published(**options):
    """Return what the check of the published file ends with."""
    (case,) = (case for case in cases(**options) if "C055" in case.id)
    return outcome(case)


def test_file_is_fetched_on_request_only(served):
    """A published file that is not here is skipped, unless it may be fetched."""
    served()

    assert (SKIPPED, "its file is not in the cache: --dapi-fetch downloads it") == published()
    assert (None, "") == published(fetch=True)


@pytest.mark.parametrize("largest", [9, None])
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("plants/net.saf", "plants/gone.saf", "404"),
        ('sha256="', f'sha256="{"0" * 64}" or "', "0" * 64),
    ],
)
def test_file_that_cannot_be_fetched_fails_when_it_was_asked_for(served, old, new, reason, largest):
    """A dead address or a wrong hash is no skip then, however large the model is."""
    served((old, new))

    kind, text = published(fetch=True, largest=largest)
    assert FAILED is kind and reason in text


def test_file_of_withdrawn_weights_may_leave_the_wheel(acme):
    """The member stays, for those who ask for it; its file is not asked for."""
    status = 'latest=False, status=Status("withdrawn", reason="Wrong labels.")'
    acme(("latest=True", status), ("acme_plants/net.saf", "acme_plants/gone.saf"))

    assert [] == [case for case in failures() if "C035" in case or "C055" in case]


COMPUTING = (
    "    return Linear(4, 2)",
    "    net = Linear(4, 2)\n    net.register_buffer('scale', net.weight.new_ones(2))\n"
    "    return net",
)


def computed(*names):
    return "latest=True", f"latest=True, build=Build(computed={names!r})"


def test_computed_key_is_not_asked_of_the_file(acme):
    """The constructor makes it, and the entry says so."""
    acme(COMPUTING, computed("scale"))

    assert [] == failures()


@pytest.mark.parametrize(
    ("replacements", "check"),
    [
        ((COMPUTING,), "DAPI-C055"),
        ((COMPUTING, computed("scale", "bias")), "DAPI-C055"),
        ((computed("scale"),), "DAPI-C052"),
    ],
    ids=["not declared", "in the file", "not in the model"],
)
def test_computed_keys_are_checked(acme, replacements, check):
    """A missing one, one that the file has, and one that the model lacks."""
    acme(*replacements)

    assert f"{check}-plantnet:Plants_RefV1" in failures()


def test_snapshot_is_written_on_request_and_compared(acme, tmp_path):
    """A state dict that changed fails, by name of each tensor."""
    acme()
    (case,) = (case for case in cases(tmp_path) if "C051" in case.id)
    assert (SKIPPED, "there is no snapshot: --dapi-update-snapshots writes it") == outcome(case)
    (case,) = (case for case in cases(tmp_path, update=True) if "C051" in case.id)
    assert (None, "") == outcome(case)

    path = tmp_path / "plantnet.json"
    path.write_text(path.read_text().replace("2x4", "2x5").replace('"bias"', '"scale"'))

    (case,) = (case for case in cases(tmp_path) if "C051" in case.id)
    for line in ("weight was float32 2x5, now float32 2x4", "scale was removed", "bias was added"):
        assert line in outcome(case)[1]


DRIFTED = """
[dapi.models]
plantnet = acme_plants.nets:plantnet
"""


def test_missing_lines_are_printed(acme):
    """Ready to be put into pyproject.toml; also those of a module that has no line at all."""
    other = (
        "from dapi import register_model\n\n\n@register_model()\n"
        'def mossnet(*, weights=None):\n    """Build."""\n'
    )
    acme(entry_points=DRIFTED, moss=other)
    (text,) = (text for case in cases() if (text := outcome(case)[1]) and "C004" in text)

    assert '"dapi.weights"] lacks: plantnet = "acme_plants.nets:PlantNetWeights"' in text
    assert '"dapi.models"] lacks: mossnet = "acme_plants.moss:mossnet"' in text


REEXPORTED = """
[dapi.models]
plantnet = acme_plants:plantnet
[dapi.weights]
plantnet = acme_plants:PlantNetWeights
"""


def test_builder_may_be_advertised_by_another_way(acme):
    """A package that re-exports its builders names them as its users do."""
    site = acme(entry_points=REEXPORTED)
    (site / "acme_plants" / "__init__.py").write_text("from .nets import *\n")

    assert [] == failures()


@pytest.mark.parametrize(
    ("url", "requires", "text"),
    [
        ("package:pytest/__init__.py", (), "does not name its requirement: add #REQUIREMENT"),
        ("package:pytest/__init__.py#pytest", (), "pytest, which acme-plants does not require"),
        ("package:pytest/__init__.py#pluggy", ("pluggy",), "a file of pytest, not of pluggy"),
        ("package:pytest/__init__.py#a b", ("pytest",), "valid requirement"),
        ("package:absent_weights/n.pth#acme-plants[x]", ("pytest",), "does not require"),
        ("package:pytest/__init__.py#pytest>=7", ("pytest<99",), ""),
        ("package:pytest/__init__.py#acme-plants[x]", ('pytest; extra == "x"',), ""),
        ("package:absent_weights/n.pth#absent", ("absent>1",), ""),
        ("package:acme_plants.data/net.safetensors", (), ""),
    ],
)
def test_package_behind_an_address_is_required(acme, url, requires, text):
    """It is the distribution's own, a dependency of it, or of its extra that the address names."""
    acme(("package:acme_plants/net.safetensors", url), requires=requires)
    (case,) = (case for case in cases() if "C039" in case.id)

    kind, found = outcome(case)
    assert (FAILED if text else None) is kind and text in found


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ('sha256="', 'mirrors=(), # "', "DAPI-C034"),
        ('"num_params": 10', '"num_params": True', "DAPI-C031"),
        ('"metrics": []', '"gflops": "many", "metrics": []', "DAPI-C031"),
        ('"metrics": []', '"metrics": [{"name": "acc", "value": 1}]', "DAPI-C033"),
        ('"MIT"', '"mit"', "DAPI-C032"),
        ("meta={", 'build=Build({"num_labels": 3}), meta={"categories": ["a", "b"],', "DAPI-C036"),
        ('"tabular-classification"', '"image-segmentation", "categories": ["a", "a"]', "DAPI-C036"),
        ('"metrics": []', '"keypoint_names": ["eye", "eye"], "metrics": []', "DAPI-C036"),
        (
            "meta={",
            'postprocess=lazy("fractions:Fraction", numerator="1/x"), meta={',
            "DAPI-C038",
        ),
        ("acme_plants/net.saf", "acme_plants/absent.saf", "DAPI-C035"),
        ("latest=True", 'latest=True, status=Status("withdrawn")', "DAPI-C021"),
        ("_RefV1 =", "_RefV1x =", "DAPI-C030"),
        ('"""Weights of ``plantnet``."""', "", "DAPI-C020"),
        ("*, weights: PlantNetWeights | WeightEntry | None = None", "*, weights", "DAPI-C011"),
        ("progress: bool = True", 'progress: bool = True, wide: bool = open("x")', "DAPI-C005"),
    ],
    ids=lambda part: part.strip('" ')[:30],
)
def test_check_fails_what_it_is_about(acme, old, new, check):
    """One change to a distribution that conforms, one check."""
    acme((old, new))

    assert check in {each[:9] for each in failures()}


def of_level_2(number, **options):
    """Return what a check of the second level ends with."""
    (case,) = (case for case in cases(level=2, **options) if f"C{number:03}" in case.id)
    return outcome(case)


def test_second_level_asks_for_a_task_that_is_run(acme):
    """It is the only thing that the good distribution lacks at that level."""
    acme()
    kind, text = of_level_2(40)

    assert ["DAPI-C040-plantnet:Plants_RefV1"] == failures(level=2)
    assert FAILED is kind and "supports the task 'tabular-classification'; did you mean" in text


@pytest.mark.parametrize(
    ("replacements", "number", "said"),
    [
        ([("(weights=PlantNetWeights", "(head='fc', weights=PlantNetWeights")], 56, "'fc'"),
        ([("latest=True", "postprocess=lazy('acme:Names', categories=['a', 'b']), latest=True"),
          ("meta={", "meta={'categories': ['a', 'c'], ")], 41, "'b' and 'c', at 1"),
        ([("@register_model(weights=PlantNetWeights)", OTHER_ENUM)], 7, "nets:MossNetWeights"),
    ],
    ids=["head", "postprocess", "enum"],
)  # fmt: skip
def test_second_level_finds(acme, replacements, number, said):
    """One change to a distribution that has none of these, and what is said of it."""
    acme(*replacements)
    kind, text = of_level_2(number)

    assert FAILED is kind and said in text


def test_snapshot_of_a_builder_that_is_gone_is_told(acme, tmp_path):
    """It was renamed or removed, and who asks for it gets no answer."""
    acme()
    (tmp_path / "plantnet.json").write_text("{}")
    assert (None, "") == of_level_2(8, folder=tmp_path)

    (tmp_path / "mossnet.json").write_text("{}")
    kind, text = of_level_2(8, folder=tmp_path)
    assert FAILED is kind and "no builder 'mossnet'" in text


def test_third_level_asks_for_answers_that_hold(acme):
    """Each builder has one, or a reason; what it says is what was recorded."""
    prepared = ("latest=True", 'transforms=lazy("acme_plants.runs:Rows"), latest=True')
    acme(prepared, entry_points=ANSWERED, runs=RUNS)
    missing = [case for case in failures(level=3) if case >= "DAPI-C06"]
    assert 0 == main(["answers", "--record", "acme-plants"])
    recorded = [case for case in failures(level=3) if case >= "DAPI-C06"]
    sys.modules["acme_plants.runs"].SCALE = 2
    changed = [case for case in failures(level=3) if case >= "DAPI-C06"]

    assert ["DAPI-C060-acme-plants"] == missing
    assert [] == recorded
    assert ["DAPI-C061-plantnet", "DAPI-C062-plantnet:Plants_RefV1"] == changed
