"""The ``dapi`` command: tables for people, JSON for programs, and errors that are sentences."""

import hashlib
import io
import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

import dapi
from dapi._catalog import builders
from dapi._cli import main
from dapi._cli.tables import print_facts
from dapi.exceptions import PluginWarning, WithdrawnWeightsError

FAMILY = """
from dapi import File, WeightEntry, Weights, register_model

class NetWeights(Weights):
    Digits_RefV1 = WeightEntry(
        "https://example.org/1.pth", meta={{
            "license": "MIT", "num_params": 1234567, "known_as": ["AcmeNet_Weights.DIGITS_V1"],
        }},
    )
    Digits_RefV2 = WeightEntry(
        "{url}", sha256="{sha256}", latest=True,
        assets={{
            "vocabulary": File("{asset}", sha256="{sha256}"),
            "vocoder": WeightEntry("{other}", sha256="{sha256}"),
        }},
        meta={{
            "task": "digit-recognition",
            "metrics": [{{"dataset": "Digits", "name": "accuracy", "value": 0.97, "source": "x"}}],
            "categories": [str(n) for n in range(10)],
        }},
    )

@register_model(weights=NetWeights)
def acme_net(*, weights=None, progress=True, **config):
    from torch import nn
    return nn.Identity()
"""
POINTS = """
[dapi.models]
acme_net = acme_family:acme_net
[dapi.weights]
acme_net = acme_family:NetWeights
"""


@pytest.fixture
def family(alone, advertise, server):
    """An installed family whose files are on a loopback server."""
    body = b"weights"
    urls = {name: server.serve(f"/{name}", body) for name in ("net.pth", "words.txt", "voc.pth")}
    source = FAMILY.format(
        url=urls["net.pth"], asset=urls["words.txt"], other=urls["voc.pth"],
        sha256=hashlib.sha256(body).hexdigest(),
    )  # fmt: skip
    advertise("acme-nets", POINTS, acme_family=source)
    yield server
    sys.modules.pop("acme_family", None)


def run(capsys, *words):
    status = main(words)
    return status, capsys.readouterr()


def test_list_prints_a_table_or_json(family, capsys):
    """The models that are installed, with whose they are."""
    status, printed = run(capsys, "list", "acme_*")
    heading, columns, row = printed.out.splitlines()
    assert (0, "digit-recognition:") == (status, heading)
    assert ["model", "distribution", "params", "metric"] == columns.split()[:4]
    assert ["acme_net", "acme-nets", "accuracy", "0.97", "Digits", "2"] == row.split()

    _, printed = run(capsys, "list", "acme_*", "--json")
    (described,) = json.loads(printed.out)
    assert ("acme_net", "acme-nets") == (described["model"], described["distribution"])
    assert ("acme_net:Digits_RefV2", 0.97) == (described["weights"], described["metric"]["value"])


def test_list_takes_several_patterns(family, capsys):
    """Names that match one of them, but none that is excluded."""
    listed = run(capsys, "list", "acme_*", "no_such_*", "--json")[1].out

    assert ["acme_net"] == [row["model"] for row in json.loads(listed)]
    assert "acme_net" not in run(capsys, "list", "acme_*", "--exclude", "*_net")[1].out


def test_list_tells_what_the_name_builds_and_how_much_better_another_is(alone, capsys):
    """The metric is that of the weights that LATEST means; the best is told where it is better."""

    def entry(place, value, **fields):
        metric = {"dataset": "Plants", "name": "acc@1", "value": value}
        meta = {"task": "naming", "metrics": [metric]}
        return dapi.WeightEntry(f"https://example.org/{place}.pth", meta=meta, **fields)

    class PlainWeights(dapi.Weights):
        Plants_RefV1 = entry(1, 80.0)
        Plants_RefV2 = entry(2, 81.0, latest=True)

    class TunedWeights(dapi.Weights):
        Plants_RefV1 = entry(3, 79.0, latest=True)
        Plants_Large_RefV1 = entry(4, 88.0, latest=True)

    @dapi.register_model(weights=PlainWeights)
    def plain_net(*, weights=None, progress=True): ...

    @dapi.register_model(weights=TunedWeights)
    def tuned_net(*, weights=None, progress=True): ...

    rows = json.loads(run(capsys, "list", "--json")[1].out)
    assert [("plain_net", 81.0, None), ("tuned_net", 79.0, 88.0)] == [
        (row["model"], row["metric"]["value"], row["best"] and row["best"]["value"]) for row in rows
    ]


def test_list_of_nothing_says_what_to_ask(family, monkeypatch, capsys):
    """A part of a name is no pattern; what a variable leaves out is not to be installed."""
    assert "dapi list '*acme*'" in run(capsys, "list", "acme")[1].out
    assert "*zzz*" not in run(capsys, "list", "zzz")[1].out

    monkeypatch.setenv("DAPI_DISABLE_PLUGINS", "acme-nets")
    assert "disables acme-nets" in run(capsys, "list")[1].out


def test_list_shows_a_model_under_each_of_its_tasks(family, advertise, capsys):
    """Who looks for speech recognition finds the model whose first weights are for features."""
    source = FAMILY.format(url="https://x/1", asset="https://x/2", other="https://x/3", sha256="0")
    source = source.replace('"license": "MIT"', '"task": "letter-recognition"')
    advertise("acme-both", POINTS.replace("acme_", "acme_both_"), acme_both_family=source.replace(
        "acme_net", "acme_both_net"))  # fmt: skip
    _, printed = run(capsys, "list", "acme_both_*", "--json")
    sys.modules.pop("acme_both_family", None)

    rows = [(row["task"], row["sets"]) for row in json.loads(printed.out)]
    assert [("digit-recognition", 1), ("letter-recognition", 1)] == rows


OLD_FAMILY = """
from dapi import Status, WeightEntry, Weights, register_model

def entry(name, **fields):
    return WeightEntry(f"https://example.org/{name}.pth", meta={"task": "demo"}, **fields)

class OldWeights(Weights):
    A_V1 = entry("a", status=Status("withdrawn", reason="It leaked.", replacement="acme_old:A_V2"))
    A_V2 = entry("b", status=Status("deprecated", replacement="acme_old:B_V1"))
    B_V1 = entry("c", latest=True)

class NewWeights(Weights):
    B_V1 = entry("d", latest=True)

@register_model(weights=OldWeights)
def acme_old(*, weights=None): ...

@register_model(weights=NewWeights, replaces="acme_old")
def acme_new(*, weights=None): ...
"""
OLD_POINTS = """
[dapi.models]
acme_old = acme_ages:acme_old
acme_new = acme_ages:acme_new
[dapi.weights]
acme_old = acme_ages:OldWeights
acme_new = acme_ages:NewWeights
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["show", "acme_old"],
            {
                "acme_old:A_V1": ("withdrawn", "acme_old:A_V2"),
                "acme_old:A_V2": ("deprecated", "acme_old:B_V1"),
                "acme_old:B_V1": ("replaced", "acme_new"),
            },
        ),
        (
            ["search", "--task", "demo"],
            {
                "acme_new:B_V1": ("active", None),
                "acme_old:A_V2": ("deprecated", "acme_old:B_V1"),
                "acme_old:B_V1": ("replaced", "acme_new"),
            },
        ),
        (["list"], {"acme_new": ("active", None), "acme_old": ("replaced", "acme_new")}),
    ],
)
def test_status_is_a_column(alone, advertise, capsys, words, expected):
    """Tables show which weights are deprecated, withdrawn or replaced, and their replacement."""
    advertise("acme-ages", OLD_POINTS, acme_ages=OLD_FAMILY)
    rows = json.loads(run(capsys, *words, "--json")[1].out)
    printed = run(capsys, *words)[1].out
    sys.modules.pop("acme_ages", None)

    named = {row.get("weights") if words[0] != "list" else row["model"]: row for row in rows}
    assert expected == {key: (row["status"], row["replacement"]) for key, row in named.items()}
    for state, instead in expected.values():
        assert state == "active" or f"{state}, use {instead}" in printed


def test_list_shows_models_whose_weights_cannot_be_read(family, advertise, capsys):
    """A broken enum costs its own columns only; a model without weights has none."""
    points = "[dapi.models]\nbad_net = acme_bad:f\n[dapi.weights]\nbad_net = acme_bad:W\n"
    advertise("acme-bad", points, folder="bad", acme_bad="1/0")

    with pytest.warns(PluginWarning, match="acme-bad could not be loaded"):
        _, printed = run(capsys, "list", "*_net")
    headings = [line for line in printed.out.splitlines() if line.endswith(":")]
    assert ["without published weights:", "digit-recognition:"] == headings
    assert "bad_net" in printed.out and "acme_net" in printed.out


@pytest.mark.parametrize("metrics", [None, 97, "97 %", {"accuracy": 97}])
def test_odd_metadata_hinders_nobody(alone, capsys, metrics):
    """A third party's numbers of another form are shown as they are, or not at all."""
    meta = {"task": {"any": 1}, "num_params": {"encoder": 3}, "metrics": metrics}

    class OddWeights(dapi.Weights):
        A_RefV1 = dapi.WeightEntry("https://example.org/odd.pth", meta=meta)

    @dapi.register_model(weights=OddWeights)
    def odd_net(*, weights=None, progress=True): ...

    for words in (["list"], ["search"], ["show", "odd_net"], ["show", "odd_net:A_RefV1"]):
        assert 0 == run(capsys, *words)[0]
        assert json.loads(run(capsys, *words, "--json")[1].out)


def test_list_tells_of_a_model_by_its_own_weights(family, advertise, capsys):
    """Also if another distribution offers some, and if two builders share theirs."""
    points = """
        [dapi.models]
        zweitnet = acme_aaa:zweitnet
        [dapi.weights]
        acme_net = acme_aaa:OfferWeights
        zweitnet = acme_family:NetWeights
    """
    source = """
from dapi import WeightEntry, Weights, register_model
from acme_family import NetWeights

class OfferWeights(Weights):
    Other_RefV1 = WeightEntry("https://example.org/o.pth", latest=True, meta={"task": "other"})

@register_model(weights=NetWeights)
def zweitnet(*, weights=None, progress=True): ...
"""
    advertise(
        "acme-aaa", "\n".join(map(str.strip, points.splitlines())), folder="aaa", acme_aaa=source
    )
    rows = json.loads(run(capsys, "list", "--json")[1].out)
    sys.modules.pop("acme_aaa", None)

    assert [
        ("acme_net", "digit-recognition", 2),
        ("zweitnet", "digit-recognition", 2),
        ("acme_net", "other", 1),
    ] == [(row["model"], row["task"], row["sets"]) for row in rows]


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("lst", "Did you mean 'list'"),
        ("new", "pip install dapi-devkit"),
        ("lock", "pip install dapi-lock"),
        ("sync", "pip install dapi-lock"),
        ("bundle", "pip install dapi-lock"),
        ("unbundle", "pip install dapi-lock"),
        ("audit", "pip install dapi-lock"),
        ("sign", "pip install dapi-lock"),
        ("sbom", "pip install dapi-lock"),
        ("card", "pip install dapi-lock"),
        ("export", "pip install dapi-export"),
        ("zzz", "dapi --help"),
    ],
)
def test_command_that_there_is_not(alone, word, remedy, capsys):
    """The nearest is named, or what brings it; the status is that of a wrong command line."""
    status, printed = run(capsys, word)
    assert (2, "") == (status, printed.out)
    assert remedy in printed.err


def test_version(capsys):
    """It is that of dapi-core."""
    with pytest.raises(SystemExit):
        main(["--version"])
    assert version("dapi-core") == capsys.readouterr().out.strip()


def test_warnings_are_sentences():
    """A shell shows no line of dapi's code; other libraries' warnings stay as they are."""
    script = (
        "import warnings\n"
        "from dapi._cli import main\n"
        "main(['list', 'absent*'])\n"
        "warnings.warn('as ever')"
    )
    environment = {**os.environ, "DAPI_DISABLE_PLUGINS": "acme-absent"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    first, *others = done.stderr.splitlines()
    assert first.startswith("dapi: No distribution named 'acme-absent'")
    # Python 3.13 shows the line of a `-c` script below its warning.
    assert "<string>:4: UserWarning: as ever" in others


def test_search_prints_what_people_compare(family, capsys):
    """A row for each member, or JSON of the same."""
    words = ("search", "acme", "--min", "accuracy=0.9", "--sort", "accuracy")
    status, printed = run(capsys, *words)
    columns, row = printed.out.splitlines()
    assert 0 == status
    assert ["weights", "task", "metric", "value", "dataset", "params"] == columns.split()[:6]
    cells = ["acme_net:Digits_RefV2", "digit-recognition", "accuracy", "0.97"]
    assert cells == row.split()[:4]

    (found,) = json.loads(run(capsys, *words, "--json")[1].out)
    assert ("acme_net:Digits_RefV2", 0.97, True) == (
        found["weights"], found["metric"]["value"], found["latest"],
    )  # fmt: skip


def test_search_reads_numbers_as_people_write_them(family, capsys):
    """2M is two million; what is no number is refused with an example."""
    assert "Digits_RefV1" in run(capsys, "search", "acme", "--max-params", "2M")[1].out
    assert "No weights match" in run(capsys, "search", "acme", "--max-params", "1000k")[1].out
    for words in (["--max-params", "many"], ["--min", "0.9"]):
        with pytest.raises(SystemExit):
            main(["search", *words])
        assert "is no" in capsys.readouterr().err


def test_search_takes_an_option_several_times(family, capsys):
    """Each counts: the first of two is not forgotten."""
    status, printed = run(capsys, "search", "--license", "MITT", "--license", "MIT")
    assert 1 == status and "license='MITT'. Did you mean 'MIT'?" in printed.err

    words = ("search", "--license", "MIT", "--license", "MIT")
    assert (0, True) == (run(capsys, *words)[0], "acme_net" in run(capsys, *words)[1].out)


def test_search_for_what_nothing_has_names_the_nearest(family, capsys):
    """A misspelt task is an error, and no empty table."""
    status, printed = run(capsys, "search", "--task", "digits-recognition")

    assert (1, "") == (status, printed.out)
    assert "Did you mean 'digit-recognition'" in printed.err


def test_show_knows_names_from_elsewhere(family, capsys):
    """A name of another library shows the weights, and says what dapi calls them."""
    status, printed = run(capsys, "show", "acmelib.models.AcmeNet_Weights.DIGITS_V1", "--json")

    assert (0, "acme_net:Digits_RefV1") == (status, json.loads(printed.out)["weights"])
    assert "is called acme_net:Digits_RefV1 in dapi" in printed.err


def test_show_knows_members_from_elsewhere(family, capsys):
    """Behind a model's name, another library's member is enough."""
    status, printed = run(capsys, "show", "acme_net:DIGITS_V1")

    assert 0 == status and "acme_net:Digits_RefV1" in printed.out
    assert "is called acme_net:Digits_RefV1 in dapi" in printed.err


def test_show_guesses_no_name(family, capsys):
    """A name that no entry lists stays unknown."""
    status, printed = run(capsys, "show", "AcmeNet_Weights.DIGITS_V9")

    assert (1, "") == (status, printed.out)


def test_list_of_nothing_says_why(family, capsys, monkeypatch):
    """An empty list is no empty screen."""
    assert "installed models match" in run(capsys, "list", "absent*")[1].out
    monkeypatch.setenv("DAPI_PLUGINS", "acme-nets-extra")
    with pytest.warns(PluginWarning, match="acme-nets-extra"):
        assert "disables acme-nets" in run(capsys, "list")[1].out


def test_list_looks_for_distributions_once(alone, advertise, capsys):
    """However many models there are: a look reads the times of all directories on the path."""
    looks = []
    for name, models in {"acme-few": 1, "acme-many": 40}.items():
        module = name.replace("-", "_")
        nets = [f"{module}{number}" for number in range(models)]
        points = "[dapi.models]\n" + "".join(f"{net} = {module}:net\n" for net in nets)
        points += "[dapi.weights]\n" + "".join(f"{net} = {module}:NetWeights\n" for net in nets)
        source = FAMILY.format(url="https://a.org/1", asset="https://a.org/2",
                               other="https://a.org/3", sha256="0" * 64)  # fmt: skip
        advertise(name, points, folder=name, **{module: source})
        called = []
        sys.setprofile(lambda *call, called=called: called.append(call[2]))
        main(["list", "--distribution", name])
        sys.setprofile(None)
        looks.append(called.count(os.stat) // len(sys.path))
        sys.modules.pop(module)

    assert looks[1] - looks[0] < 5


@pytest.mark.usefixtures("alone")
def test_list_without_any_model_says_what_to_install(capsys):
    """Nothing is installed, so nothing can be misspelt."""
    assert "pip install dapi-vision" in run(capsys, "list")[1].out


def test_interrupted_command_says_so(family, capsys, monkeypatch):
    """Ctrl-C ends with a sentence and the status that shells expect."""

    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("dapi._catalog.lookup.get_weights", interrupt)
    status, printed = run(capsys, "show", "acme_net:Digits_RefV1")
    assert (130, "") == (status, printed.out)
    assert "interrupted" in printed.err


def test_show_model_lists_its_weights(family, capsys):
    """One line for each member, with what people compare."""
    _, printed = run(capsys, "show", "acme_net")

    columns = "weights params gflops mib license latest cached metrics status"
    assert columns == " ".join(printed.out.splitlines()[0].split())
    assert "acme_net:Digits_RefV1" in printed.out and " 1.2M " in printed.out
    assert "accuracy 0.97 (Digits)" in printed.out


def test_show_weights_tells_everything(family, capsys):
    """All that the entry says; long lists shortened for people, whole for programs."""
    _, printed = run(capsys, "show", "acme_net:Digits_RefV2")
    assert "5 more" in printed.out and "words.txt" in printed.out

    _, printed = run(capsys, "show", "acme_net:Digits_RefV2", "--json")
    assert 10 == len(json.loads(printed.out)["meta"]["categories"])


def test_fetch_gets_assets_and_the_entries_they_name(family, capsys, monkeypatch):
    """After a fetch everything works offline."""
    status, printed = run(capsys, "fetch", "acme_net", "--json")

    assert 0 == status
    assert ["/net.pth", "/words.txt", "/voc.pth"] == [
        "/" + row["url"].rpartition("/")[2] for row in json.loads(printed.out)
    ]
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    assert b"weights" == dapi.get_weights("acme_net:Digits_RefV2").fetch().read_bytes()


def test_fetch_goes_on_after_a_failure(family, capsys, monkeypatch):
    """One name that fails is told, the others are fetched, and the status says so."""
    status, printed = run(capsys, "fetch", "absent_net", "acme_net")

    assert 1 == status
    assert "No model named 'absent_net'" in printed.err
    assert "net.pth" in printed.out


def test_fetch_says_before_how_much_it_is(family, capsys):
    """Equal files once; not what is in the cache, and nothing of it with --quiet."""
    _, printed = run(capsys, "fetch", "acme_net")
    told = "dapi: acme_net:Digits_RefV2 will be downloaded: 1 file of unknown size.\n"
    assert told == printed.err
    assert "" == run(capsys, "fetch", "acme_net")[1].err
    dapi.cache.remove(hashlib.sha256(b"weights").hexdigest())
    assert "" == run(capsys, "fetch", "acme_net", "--quiet")[1].err


def test_fetch_of_nothing_shows_what_it_would_do(family, capsys):
    """--dry-run lists the files and their sizes, and asks no server."""
    status, printed = run(capsys, "fetch", "acme_net", "absent_net", "--dry-run", "--json")
    rows = json.loads(printed.out)

    assert (1, [], ["acme_net:Digits_RefV2"]) == (
        status,
        family.asked,
        [row["weights"] for row in rows[:1]],
    )
    assert ["weights", "bytes", "estimated", "sha256", "url"] == list(rows[0])
    assert ("absent_net", "unknown-model") == (rows[-1]["weights"], rows[-1]["error"]["code"])
    assert "absent_net" in printed.err
    run(capsys, "fetch", "acme_net")
    status, printed = run(capsys, "fetch", "acme_net", "--dry-run")
    assert (0, "Nothing needs to be downloaded.\n") == (status, printed.out)


def test_fetch_that_does_not_fit_is_told_before(alone, capsys):
    """By --dry-run too; an estimate can be overruled."""

    class VastWeights(dapi.Weights):
        A_RefV1 = dapi.WeightEntry(
            "https://example.org/vast.pth", latest=True, meta={"num_params": 10**14}
        )

    @dapi.register_model(weights=VastWeights)
    def vast_net(*, weights=None, progress=True): ...

    name = dapi.list_models()[0]
    for words in ((), ("--dry-run",)):
        status, printed = run(capsys, "fetch", name, *words)
        assert 1 == status
        assert "about 400000.0 GB are needed" in printed.err and "could not be" not in printed.err


@pytest.mark.parametrize("is_terminal", [False, True])
def test_large_fetch_is_asked_about_on_a_terminal_only(family, capsys, monkeypatch, is_terminal):
    """A script that says fetch means it."""
    monkeypatch.setattr("dapi._cli.downloads.LARGE", 0)
    stdin = io.StringIO("no\n")
    stdin.isatty = lambda: is_terminal
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    status, printed = run(capsys, "fetch", "acme_net")

    assert (int(is_terminal), is_terminal) == (status, family.asked == [])
    assert is_terminal == ("Nothing was downloaded." in printed.err)
    assert 0 == run(capsys, "fetch", "acme_net", "--yes")[0]


def test_offline_error_names_the_model_and_the_command(family, capsys, monkeypatch):
    """Who is offline learns what to run while online."""
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    status, printed = run(capsys, "fetch", "acme_net")
    assert 3 == status
    assert "dapi fetch acme_net:Digits_RefV2" in printed.err


def test_errors_are_one_sentence_on_standard_error(capsys):
    """No traceback; exit status 1."""
    status, printed = run(capsys, "show", "resnet_absent")

    assert (1, "") == (status, printed.out)
    assert printed.err.startswith("dapi: No model named 'resnet_absent'")


def test_doctor_is_content_when_all_is_well(family, capsys):
    """A healthy installation exits with 0."""
    status, printed = run(capsys, "doctor", "--json")
    found = json.loads(printed.out)

    assert (0, []) == (status, found["problems"])
    assert "acme-nets" in [plugin["name"] for plugin in found["plugins"]]


def test_doctor_names_what_is_broken(family, advertise, capsys):
    """A module that cannot be imported, and metadata found twice, are told with the remedy."""
    advertise("acme-broken", "[dapi.models]\nx = acme_broken:x\n", folder="b", acme_broken="1/0")
    advertise("acme-nets", "", folder="stale", kind="egg-info")

    status, printed = run(capsys, "doctor")
    assert 1 == status
    assert "ZeroDivisionError" in printed.out and "pip uninstall acme-broken" in printed.out
    assert "acme_nets.egg-info" in printed.out


def test_doctor_compares_entry_points_with_builders(advertise, capsys, monkeypatch):
    """An entry point under another name than its builder's is told with the right line."""
    monkeypatch.setattr(builders, "_registered", {})
    source = "from dapi import register_model\n@register_model()\ndef right(*, weights=None): ...\n"
    advertise("acme-drift", "[dapi.models]\nwrong = acme_drift:right\n", acme_drift=source)

    status, printed = run(capsys, "doctor")
    assert 1 == status
    assert 'right = "acme_drift:right"' in printed.out
    sys.modules.pop("acme_drift")


def test_doctor_looks_at_one_distribution(family, advertise, capsys):
    """Nothing of others is imported or told; an unknown name suggests the nearest."""
    advertise("acme-broken", "[dapi.models]\nx = acme_broken:x\n", folder="b", acme_broken="1/0")

    status, printed = run(capsys, "doctor", "Acme_Nets")
    assert 0 == status
    assert "acme-broken" not in printed.out and "acme_broken" not in sys.modules
    assert 1 == run(capsys, "doctor", "acme-broken")[0]
    status, printed = run(capsys, "doctor", "acme-brokn")
    assert 1 == status
    assert "Did you mean 'acme-broken'" in printed.err


def test_doctor_imports_nothing_that_must_not(advertise, capsys, monkeypatch):
    """What is disabled, incompatible, or lacks what it needs, is told and not imported."""
    source = "raise SystemExit(5)"
    points = "[dapi.models]\nx{0} = acme_{0}:x\n"
    needs = {"old": ["dapi-core<0.0.1"], "poor": ["absent-thing"], "out": []}
    for name, requires in needs.items():
        modules = {f"acme_{name}": source}
        advertise(f"acme-{name}", points.format(name), folder=name, requires=requires, **modules)
    monkeypatch.setenv("DAPI_DISABLE_PLUGINS", "acme-out")

    status, printed = run(capsys, "doctor", "--json")
    states = {plugin["name"]: plugin["state"] for plugin in json.loads(printed.out)["plugins"]}
    assert 1 == status
    assert ("incompatible", "missing-dependency", "disabled") == tuple(
        states[f"acme-{name}"] for name in needs
    )
    assert not {f"acme_{name}" for name in needs} & set(sys.modules)


def test_doctor_finds_variables_that_match_nothing(family, capsys, monkeypatch):
    """A name in a list, and the name of a variable, each with the nearest there is."""
    monkeypatch.setenv("DAPI_PREFER", "acme-netz")
    monkeypatch.setenv("DAPI_OFLINE", "1")

    with pytest.warns(PluginWarning, match="acme-netz"):
        status, printed = run(capsys, "doctor")
    assert 1 == status
    assert "DAPI_PREFER: it names 'acme-netz'" in printed.out
    assert "Did you mean acme-nets?" in printed.out and "Did you mean DAPI_OFFLINE?" in printed.out


def test_doctor_finds_mirrors_that_do_nothing(family, capsys, monkeypatch):
    """A rule that matches no file, comes too late, or names no address; without its password."""
    rules = (
        "127.0.0.1=https://m.example, nowhere.org=https://me:s3cret@m.example",
        "b.org=https://m.example/b/, https://all.example, example.org=m.example",
        "example.org:80=https://m.example",
    )
    monkeypatch.setenv("DAPI_MIRROR", ",".join(rules))
    status, printed = run(capsys, "doctor")

    assert 1 == status
    for what in (
        "'nowhere.org=https://m.example' matches nothing: no installed weights are on that host",
        "'b.org=https://m.example/...' matches nothing",
        "'example.org=m.example' names no http or https address",
        "'example.org:80=https://m.example' never applies: 'https://all.example' comes first",
        "Known hosts: 127.0.0.1:",
    ):
        assert what in printed.out
    assert 4 == printed.out.count("DAPI_MIRROR: its rule")
    assert "s3cret" not in printed.out


@pytest.mark.parametrize("rule", ["https://m.example", "127.0.0.1=https://m.example"])
def test_doctor_is_content_with_mirrors_that_apply(family, capsys, monkeypatch, rule):
    """Every host, or one that installed weights are on, whatever its port."""
    monkeypatch.setenv("DAPI_MIRROR", rule)

    assert 0 == run(capsys, "doctor")[0]


def test_doctor_checks_tombstones(advertise, capsys):
    """A tombstone of what lives, and a successor that does not, are told."""
    source = "from dapi import Removed\na = Removed(successor='absent_net')\nb = 3\n"
    points = "[dapi.models]\nnet_a = acme_grave:f\n"
    points += "[dapi.removed]\nnet_a = acme_grave:a\nnet_b = acme_grave:b\n"
    advertise("acme-grave", points, acme_grave=source)

    _, printed = run(capsys, "doctor", "acme-grave")
    assert "'net_a' is in dapi.models and in dapi.removed" in printed.out
    assert "No model named 'absent_net'" in printed.out
    assert "no dapi.Removed" in printed.out
    sys.modules.pop("acme_grave")


def test_doctor_accepts_a_shared_name_that_is_decided(family, advertise, capsys, monkeypatch):
    """Two givers of a name are a problem only until DAPI_PREFER names one."""
    source = (
        "from dapi import register_model\n@register_model()\ndef acme_net(*, weights=None):\n"
        "    from torch import nn\n    return nn.Identity()\n"
    )
    points = "[dapi.models]\nacme_net = acme_twin:acme_net\n"
    advertise("acme-twin", points, folder="twin", acme_twin=source)

    status, printed = run(capsys, "doctor", "acme-twin")
    assert 1 == status and "DAPI_PREFER=acme-twin" in printed.out
    monkeypatch.setenv("DAPI_PREFER", "acme-nets")
    assert 0 == run(capsys, "doctor", "acme-twin")[0]
    sys.modules.pop("acme_twin")


UNBUILDABLE = """
from dapi import register_model

@register_model()
def acme_poor(*, weights=None):
    import absent_framework

@register_model()
def acme_needy(*, weights=None, width):
    from torch import nn
    return nn.Linear(width, 1)
"""


def test_doctor_builds_what_it_is_asked_about(alone, advertise, capsys):
    """A builder that raises is a problem, though it can be imported; --build asks about all."""
    pytest.importorskip("torch")
    points = "[dapi.models]\nacme_poor = acme_sick:acme_poor\nacme_needy = acme_sick:acme_needy\n"
    advertise("acme-sick", points, acme_sick=UNBUILDABLE)

    for words in (["acme-sick"], ["--build"]):
        status, printed = run(capsys, "doctor", *words)
        assert 1 == status
        assert "its builder 'acme_poor' cannot be built: ModuleNotFoundError" in printed.out
        assert "'acme_needy' cannot be built: TypeError" in printed.out
        assert "not built" not in printed.out
    sys.modules.pop("acme_sick")


def test_doctor_says_that_it_built_nothing(family, capsys):
    """Without a name it only imports, which is quick, and says so to people and programs."""
    assert "imported, not built" in run(capsys, "doctor")[1].out
    assert not json.loads(run(capsys, "doctor", "--json")[1].out)["built"]


def test_doctor_sees_a_cache_that_cannot_be_written(family, capsys, monkeypatch, own_cache):
    """By trying, as root passes all permissions; a cache that is yet to be made is none."""
    assert 0 == run(capsys, "doctor")[0]
    assert not own_cache.exists()
    for place in ("/proc/cache", __file__):
        monkeypatch.setenv("DAPI_CACHE", place)
        status, printed = run(capsys, "doctor")
        assert 1 == status
        assert f"DAPI_CACHE: the cache at {place} cannot be written to (" in printed.out
        assert "Set DAPI_CACHE to a directory that can be written to" in printed.out


def test_doctor_sees_further_caches_that_are_not_there(family, capsys, monkeypatch, tmp_path):
    """A share that is not mounted costs downloads that nobody expects."""
    absent = tmp_path / "absent"
    monkeypatch.setenv("DAPI_CACHE_READONLY", os.pathsep.join([str(tmp_path), str(absent)]))

    status, printed = run(capsys, "doctor")
    assert 1 == status
    assert 1 == printed.out.count("DAPI_CACHE_READONLY: it names")
    assert f"it names {absent}, which is not a directory that can be read." in printed.out


SECRETS = {
    "DAPI_MIRROR": "https://me:hidden@mirror.example:8443/hidden/x?key=hidden,a.org=//hidden",
    "https_proxy": "http://me:hidden@proxy.example",
    "DAPI_TOKEN": "hidden",
    "NETRC": "/home/hidden",
}


def test_env_shows_what_a_bug_report_needs(family, capsys, monkeypatch, own_cache, tmp_path):
    """Versions, the cache, and settings, for people and programs."""
    run(capsys, "fetch", "acme_net")
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    monkeypatch.setenv("DAPI_CACHE_READONLY", str(tmp_path))
    monkeypatch.setenv("DAPI_PREFER", "acme-nets")
    status, printed = run(capsys, "env", "--json")
    facts = json.loads(printed.out)

    assert 0 == status
    assert version("dapi-core") == facts["distributions"]["dapi-core"]
    assert "1.0" == facts["distributions"]["acme-nets"]
    assert version("tqdm") == facts["packages"]["tqdm"]
    assert (str(own_cache), 1, "") == tuple(
        facts["cache"][key] for key in ("path", "files", "problem")
    )
    assert facts["cache"]["bytes"] >= len(b"weights") and facts["cache"]["free"] > 0
    assert (True, [str(tmp_path)]) == (facts["offline"], facts["cache"]["read_only"])
    assert "acme-nets" == facts["variables"]["DAPI_PREFER"]

    lines = dict(line.split(None, 1) for line in run(capsys, "env")[1].out.splitlines())
    assert f"{own_cache} (1 file, " in lines["cache"]
    assert ("yes", version("dapi-core")) == (lines["offline"], lines["dapi-core"])


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_env_shows_no_secret(family, capsys, monkeypatch, options):
    """Of a mirror its host, and of proxies, credentials and unknown variables that they are set."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    _, printed = run(capsys, "env", *options)

    assert "hidden" not in printed.out + printed.err
    assert "https://mirror.example:8443/..." in printed.out and "a.org=(no URL)" in printed.out
    assert all(name in printed.out for name in SECRETS)


def test_env_describes_what_is_broken(family, advertise, capsys, monkeypatch):
    """It imports no distribution, and needs no cache."""
    advertise(
        "acme-poor", "[dapi.models]\nx = acme_poor:x\n", folder="b", requires=["absent-thing"]
    )
    monkeypatch.setenv("DAPI_CACHE", "/proc/cache")
    status, printed = run(capsys, "env")

    assert 0 == status and "acme_family" not in sys.modules
    assert "1.0 (missing-dependency)" in printed.out
    assert "/proc/cache (0 files, " in printed.out and "cannot be written to" in printed.out


def test_command_of_a_distribution_runs(advertise, capsys):
    """A distribution may add a command; it cannot take one of core's."""
    source = "def hello(words):\n    print('hello', *words)\n    return 5\n"
    advertise(
        "acme-commands",
        "[dapi.commands]\nhello = acme_commands:hello\nlist = acme_commands:hello\n",
        acme_commands=source,
    )

    status, printed = run(capsys, "hello", "world")
    assert (5, "hello world\n") == (status, printed.out)
    assert "hello" not in run(capsys, "list", "absent*")[1].out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "hello (acme-commands)" in capsys.readouterr().out
    sys.modules.pop("acme_commands")


def test_fact_that_is_empty_is_seen(capsys):
    """Silence says nothing: that is a result, and no missing one."""
    print_facts("silence.wav", {"text": ""}, "  ")

    assert "  silence.wav  text -\n" == capsys.readouterr().out


def test_nothing_that_is_printed_steers_a_terminal(capsys):
    """Names and facts are other people's: in a line, a table or a tree, escapes are left out."""
    steers = "\x1b[31m"
    facts = {
        "text": steers,
        "table": [{steers: steers}],
        "tree": {steers: [steers, [steers]]},
    }
    print_facts(steers, facts)

    printed = capsys.readouterr().out
    assert "\x1b" not in printed and 7 == printed.count("[31m")


HOSTILE = """
from dapi import Status, WeightEntry, Weights, register_model
meta = dict.fromkeys(("task", "license", "recipe"), {evil!r})
meta |= {{"datasets": [{evil!r}], "categories": [{evil!r}], {evil!r}: {evil!r}, "num_params": 1}}
meta["metrics"] = [{{"dataset": {evil!r}, "name": {evil!r}, "value": 1.0, "source": {evil!r}}}]
class EvilWeights(Weights):
    A_RefV1 = WeightEntry("https://x.org/1", meta=meta, latest=True)
    B_RefV1 = WeightEntry("https://x.org/2", status=Status("withdrawn", reason={evil!r}))
@register_model(weights=EvilWeights)
def evil(*, weights=None): ...
"""


def test_no_command_tells_a_secret(alone, advertise, capsys, monkeypatch):
    """Passwords and queries in addresses, wherever a plugin or the user put them."""
    secret = "https://me:s3cret@x.org/1.pth?X-Amz-Signature=s3cret"
    points = "[dapi.models]\nevil = acme_evil:evil\nbroken = acme_broken:net\n"
    points += "[dapi.weights]\nevil = acme_evil:EvilWeights\n"
    source = HOSTILE.format(evil=secret).replace("https://x.org/1", secret)
    source = source.replace("weights=None): ...", f"weights=None): raise ValueError({secret!r})")
    advertise("acme-evil", points, acme_evil=source, acme_broken=f"raise ValueError({secret!r})")
    monkeypatch.setenv("DAPI_MIRROR", f"{secret},x.org=https://m.org/s3cret,//m.org/s3cret")
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    shown = []
    for words in (
        ["list"], ["search"], ["show", "evil"], ["show", "evil:A_RefV1"], ["doctor"], ["env"],
        ["doctor", "--build"], ["verify", "evil"], ["fetch", "evil"],
        ["fetch", "--dry-run", "evil"], ["trust"], ["cache"], ["show", "broken"],
        ["fetch", secret], ["show", secret],
    ):  # fmt: skip
        for options in ((), ("--json",)):
            printed = run(capsys, *words, *options)[1]
            shown += [printed.out, printed.err]

    assert "s3cret" not in "".join(shown)
    assert sum("x.org/1.pth?***" in each for each in shown) > 9


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_show_keeps_the_anchors_of_pages(alone, advertise, capsys, options):
    """A place in a page is part of a source; a fragment with parameters may contain a secret."""
    page = "https://example.org/issues/1#issuecomment-2"
    source = HOSTILE.format(evil=page).replace("x.org/1", "x.org/1#access_token=s3cret")
    points = (
        "[dapi.models]\nevil = acme_pages:evil\n[dapi.weights]\nevil = acme_pages:EvilWeights\n"
    )
    advertise("acme-pages", points, acme_pages=source)

    shown = run(capsys, "show", "evil:A_RefV1", *options)[1].out
    assert page in shown and "s3cret" not in shown
    sys.modules.pop("acme_pages")


def test_no_plugin_steers_a_terminal(alone, advertise, capsys, monkeypatch):
    """Its names, facts, versions, requirements and errors are shown without what it would do."""
    evil = "\x1b]0;owned\x07\u202ebad\r\n\x9b31mline"
    points = "[dapi.models]\nevil = acme_evil:evil\nbroken\x1b[1m = acme_broken:net\n"
    points += "[dapi.weights]\nevil = acme_evil:EvilWeights\nbroken\x1b[1m = acme_broken:W\n"
    points += "[dapi.commands]\nrun\x1b[2J = acme_evil:run\n"
    source = HOSTILE.format(evil=evil)
    version = "1.0\x1b[31m"
    requires = ("absent\x1b[8m>=1", "absent-two>=1; python_version > '\x1b[5m'")
    advertise("acme-evil", points, version=version, requires=requires, acme_evil=source,
              acme_broken=f"raise RuntimeError({evil!r})")  # fmt: skip
    points = "[dapi.models]\nnet = acme_broken:net\n[dapi.weights]\nnet = acme_broken:W\n"
    advertise("acme-broken", points, folder="broken")
    monkeypatch.setenv("DAPI_DISABLE_PLUGINS", "typo\x1b[31m")
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    shown = []
    with pytest.warns() as caught:
        for words in (
            ["list"], ["search"], ["show", "evil"], ["show", "evil:A_RefV1"], ["show", "net"],
            ["doctor"], ["search", "--task", "tusk"], ["search", "--sort", evil], ["list", "no*"],
            ["predict", "evil", "x"], ["fetch", "evil:A_RefV1"], ["rum\x1b[2J"],
        ):  # fmt: skip
            printed = run(capsys, *words)[1]
            shown += [printed.out, printed.err]
    with pytest.raises(SystemExit):
        main(["--help"])
    shown += [capsys.readouterr().out, *(str(each.message) for each in caught)]
    with pytest.raises(WithdrawnWeightsError) as refused:
        dapi.get_model("evil:B_RefV1")
    shown.append(str(refused.value))

    assert not set("\x1b\x07\x9b\u202e\r") & set("".join(shown))
    assert sum("owned" in each for each in shown) > 5
