"""Prediction: a model on files, a bad one among them, and what is printed and written."""

import hashlib
import io
import json
import os
import sys
import threading
import types
from pathlib import Path

import pytest

import dapi
from dapi._cli import main
from dapi._prediction.outcomes import Run
from dapi._prediction.plan import plan

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

FAMILY = """
from dapi import WeightEntry, Weights, register_model

class NetWeights(Weights):
    Words_RefV1 = WeightEntry(
        "{urls[0]}", sha256="{hashes[0]}", meta={{"task": "acme-counting"}}
    )
    Words_RefV2 = WeightEntry(
        "{urls[1]}", sha256="{hashes[1]}", size={size}, latest=True,
        meta={{"task": "{task}", **{meta}}},
    )

@register_model(weights=NetWeights)
def acme_net(*, weights=None, progress=True, **config):
    {body}
    from torch import nn
    return nn.Linear(2, 1, **config)
"""
TASK = """
import torch
from dapi.exceptions import InputError
from dapi.tasks import Prediction, Predictor, place, read_texts, reads
seen = []

def check(weights):
    if weights.meta.get("unfit"):
        raise InputError(str(weights), "they turn numbers into words", expected="others")
    if weights.meta.get("broken") == "check":
        1 / 0

@{reads}
def counting(model, weights):
    assert not model.training
    if weights.meta.get("broken") == "task":
        1 / 0

    def read(source):
        return [] if source == "nothing" else read_texts(source)

    def predict(text):
        if text == "bug":
            raise KeyError("bug")
        if text == "other":
            raise InputError("frame.png", "it is not a picture", expected="a picture")
        if text == "huge":
            raise MemoryError
        if text == "odd":
            return Prediction({"length": 3, "scores": [float("nan"), {"worst": float("-inf")}]})
        if text == "stop":
            raise KeyboardInterrupt
        seen.append(text)
        noise = round(torch.rand(1).item(), 6)
        assert torch.is_inference_mode_enabled()
        rows = [{"letter": letter, "place": place} for place, letter in enumerate(text[:2])]
        return Prediction(
            {"length": len(text), "noise": noise, "letters": rows},
            {"txt": lambda path: path.write_text(text)},
        )

    return Predictor(read, predict, lambda: Prediction({"texts": 12 // len(seen)}))
"""
POINTS = """
[dapi.models]
acme_net = acme_family:acme_net
[dapi.weights]
acme_net = acme_family:NetWeights
[dapi.tasks]
acme-counting = acme_task:counting
"""


@pytest.fixture
def family(alone, advertise, server, tmp_path, monkeypatch):
    """A distribution with a model and a task of its own; the test works in a directory of its own.

    Returns what puts it there, with the task of its latest weights.
    """
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def put(
        task="acme-counting", *, body="", meta=None, size=None,
        reads="reads(read_texts, check=check)",
    ):  # fmt: skip
        bodies = [safetensors_torch.save(torch.nn.Linear(2, 1).state_dict()) for _ in range(2)]
        urls = [server.serve(f"/words{n}.safetensors", body) for n, body in enumerate(bodies)]
        hashes = [hashlib.sha256(body).hexdigest() for body in bodies]
        size = len(bodies[1]) if size is None else size
        source = FAMILY.format(
            task=task, urls=urls, hashes=hashes, size=size, body=body, meta=meta or {}
        )
        task_source = TASK.replace("{reads}", reads)
        advertise("acme-nets", POINTS, acme_family=source, acme_task=task_source)

    yield put
    for module in ("acme_family", "acme_task", "acme_other"):
        sys.modules.pop(module, None)


def run(capsys, *words):
    status = main(["predict", *words])
    return status, capsys.readouterr()


def run_json(capsys, *words):
    status, printed = run(capsys, "--json", *words)
    return status, [json.loads(line) for line in printed.out.splitlines()], printed.err


def test_results_are_printed_and_written(family, capsys):
    """A line and a table for each input, and where its files are; at last what all are together."""
    family()
    status, printed = run(capsys, "acme_net", "ab", "cde")

    head, first, *rest = printed.out.splitlines()
    assert (0, "acme_net:Words_RefV2:") == (status, head)
    assert first.startswith("  ab  length 2  noise 0.")
    assert ["    letter  place", "    a           0", "    b           1"] == rest[:3]
    assert f"    written  {Path('output', 'ab.txt')}" == rest[3]
    assert "  summary  texts 6" == rest[-1]
    assert "cde" == Path("output", "cde.txt").read_text()


def test_name_from_elsewhere_is_run(family, capsys):
    """Another library's name is completed to the weights that it means, and they are named."""
    family(meta={"known_as": ["Net_Weights.WORDS_V2"]})
    status, lines, errors = run_json(capsys, "Net_Weights.WORDS_V2", "ab")

    assert (0, "acme_net:Words_RefV2") == (status, lines[0]["weights"])
    assert "is called acme_net:Words_RefV2 in dapi" in errors


def test_json_has_a_line_for_each_input(family, capsys):
    """Keys that stay: input, weights, facts and files, or the error."""
    family()
    status, lines, _ = run_json(capsys, "acme_net:Words_RefV2", "ab", "absent.txt")

    assert 1 == status
    assert ["input", "weights", "facts", "files"] == list(lines[0])
    assert ("ab", "acme_net:Words_RefV2") == (lines[0]["input"], lines[0]["weights"])
    assert [str(Path("output", "ab.txt"))] == lines[0]["files"]
    assert ["input", "weights", "error"] == list(lines[1])
    assert {"texts": 12} == lines[2]["facts"]


def test_json_has_null_for_what_is_no_number(family, capsys):
    """Strict readers read it: NaN and infinity, at any depth, are no numbers of JSON."""
    family()
    status, printed = run(capsys, "--json", "acme_net", "odd", "ab")
    odd, *_ = (json.loads(line, parse_constant=pytest.fail) for line in printed.out.splitlines())

    assert (0, {"length": 3, "scores": [None, {"worst": None}]}) == (status, odd["facts"])


def test_weights_are_those_that_are_asked_for(family, capsys):
    """By their member's name; else the latest of the builder's own."""
    family()
    with pytest.warns(dapi.exceptions.OutdatedWeightsWarning):
        _, lines, _ = run_json(capsys, "acme_net", "ab", "--weights", "Words_RefV1")

    assert "acme_net:Words_RefV1" == lines[0]["weights"]


def test_what_will_be_fetched_is_told_before(family, capsys):
    """Once, with its size; what is in the cache needs no word."""
    family()
    _, first = run(capsys, "acme_net", "ab")
    _, second = run(capsys, "acme_net", "ab")

    assert "dapi: acme_net:Words_RefV2 will be downloaded: 0.1 kB in 1 file.\n" == first.err
    assert "" == second.err


def test_what_is_here_already_is_named(family, capsys):
    """Who is about to wait for a file hears of weights that need none."""
    family()
    with pytest.warns(dapi.exceptions.OutdatedWeightsWarning):
        run(capsys, "acme_net:Words_RefV1", "ab")
    _, printed = run(capsys, "acme_net", "ab")

    assert " Already in the cache: acme_net:Words_RefV1.\n" in printed.err


def test_bad_inputs_stop_no_others(family, capsys, tmp_path):
    """Each is named with its reason on standard error; the status says that there were some."""
    family()
    Path("blank.txt").write_text("\n")
    words = ["one", "absent.txt", str(tmp_path), "blank.txt", "bug", "huge", "nothing", "two"]
    status, lines, errors = run_json(capsys, "acme_net", *words)

    assert (1, words) == (status, [line["input"] for line in lines[:-1]])
    assert [0, 7] == [place for place, line in enumerate(lines[:-1]) if "facts" in line]
    for word, reason in {
        "absent.txt": "no such file",
        str(tmp_path): "it is a directory",
        "blank.txt": "it is blank",
        "bug": "KeyError: 'bug'",
        "huge": "MemoryError",
        "nothing": "it is empty",
    }.items():
        assert f"dapi: {word}: {reason}" in errors
    assert {"texts": 6} == lines[-1]["facts"]


def test_what_cannot_be_seen_is_shown_quoted(family, capsys):
    """A variable of the shell that was empty is told from a missing name."""
    family()
    _, printed = run(capsys, "acme_net", "", "two")

    assert "dapi: '': it is blank. Expected a text file, or literal text.\n" in printed.err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--output", "taken"),
        ("--output", "taken/below"),
        ("--output", "/proc/new"),
        ("--seed", "-1"),
        ("--seed", "x"),
    ],
)
def test_an_option_that_cannot_be_is_told_at_once(family, server, capsys, option, value):
    """Before anything is built or fetched, by its name and what it can be."""
    family()
    Path("taken").write_text("")
    with pytest.raises(SystemExit, match="2"):
        run(capsys, "acme_net", "ab", option, value)

    assert f"argument {option}: {value} is " in capsys.readouterr().err
    assert [] == server.asked


def test_what_cannot_be_written_has_a_remedy(family, capsys):
    """Also where nobody said where to: then it is told of each input that has files."""
    family()
    Path("output").write_text("")
    status, printed = run(capsys, "acme_net", "ab", "odd")

    assert (1, True) == (status, "  odd  length 3" in printed.out)
    assert "dapi: ab: output: it cannot be made (File exists). Expected" in printed.err
    assert printed.err.count("--output DIR") == 1


def test_a_summary_that_fails_is_told(family, capsys):
    """The inputs' own results stand; the status says that not all was done."""
    family()
    status, lines, errors = run_json(capsys, "acme_net", "bug")

    assert (1, "summary") == (status, lines[-1]["input"])
    assert "dapi: summary: ZeroDivisionError" in errors


def test_interruption_keeps_what_was_done(family, capsys):
    """Ctrl-C ends the run; the results that came before are there."""
    family()
    status, printed = run(capsys, "acme_net", "one", "stop", "two")

    assert 130 == status
    assert "  one  length 3" in printed.out and "two" not in printed.out
    assert ["one.txt"] == os.listdir("output")


def test_a_result_depends_on_its_input_and_the_seed_alone(family, capsys):
    """What a model draws at random is the same beside others; another seed draws another."""
    family()

    def noise(*words):
        _, lines, _ = run_json(capsys, "acme_net", *words)
        return {line["input"]: line["facts"]["noise"] for line in lines[:-1]}

    assert noise("one", "two") == {**noise("two"), **noise("one")}
    assert noise("one") != noise("one", "--seed", "1")


def test_files_of_two_inputs_never_collide(family, capsys):
    """Texts of one name in two directories, or with the same letters, each have their files."""
    family()
    words = ["a b", "a-b", "A?b", "!"]
    _, lines, _ = run_json(capsys, "acme_net", *words, "--output", "there")

    names = ["a-b.txt", "a-b-2.txt", "A-b-3.txt", "input.txt"]
    assert [[str(Path("there", name))] for name in names] == [each["files"] for each in lines[:-1]]
    assert words == [Path("there", name).read_text() for name in names]


def test_a_failed_input_keeps_its_name(family, capsys):
    """Which file is whose does not change when a bad input is mended."""
    family()
    for folder in ("x", "y"):
        Path(folder).mkdir()
        Path(folder, "a.txt").write_text("good" if folder == "y" else "")
    sources = [str(Path(folder, "a.txt")) for folder in ("x", "y")]
    _, lines, _ = run_json(capsys, "acme_net", *sources)

    assert "error" in lines[0]
    assert "good" == Path(lines[1]["files"][0]).read_text()


def test_a_rerun_replaces_its_own_results(family, capsys):
    """The same inputs again have the same files, and no more."""
    family()
    long = "a " * 3000
    statuses = [run(capsys, "acme_net", "ab", long)[0] for _ in range(2)]

    assert [0, 0] == statuses
    assert ["-".join("a" * 30) + ".txt", "ab.txt"] == sorted(os.listdir("output"))


def test_no_input_is_overwritten(family, capsys):
    """A result that would take its input's place is refused."""
    family()
    Path("ab.txt").write_text("ab")
    status, lines, _ = run_json(capsys, "acme_net", "ab.txt", "--output", ".")

    assert (1, "ab") == (status, Path("ab.txt").read_text())
    assert "would be overwritten" in lines[0]["error"]["message"]


def test_a_task_that_nobody_has_names_those_there_are(family, server, capsys):
    """Before anything is built or fetched."""
    family(task="acme-guessing")
    status, printed = run(capsys, "acme_net", "ab")

    assert (1, []) == (status, server.asked)
    assert "no installed distribution supports task 'acme-guessing'" in printed.err
    assert "acme-counting" in printed.err and "pip install dapi-vision" in printed.err


def test_the_models_own_distribution_runs_its_task(family, advertise, capsys):
    """Where several have a task, each model is given to its own; installing one changes nothing."""
    family()
    broken = "[dapi.tasks]\nacme-counting = acme_other:absent\n"
    advertise("acme-others", broken, folder="other", acme_other="")

    assert 0 == run(capsys, "acme_net", "ab")[0]


def test_a_reason_names_the_file_that_it_is_about(family, capsys):
    """That of the input itself is not said twice; another is."""
    family()
    status, printed = run(capsys, "acme_net", "other", "absent.txt")

    assert 1 == status
    assert "dapi: other: frame.png: it is not a picture. Expected a picture." in printed.err
    assert "dapi: absent.txt: no such file. Expected" in printed.err


def test_words_that_the_terminal_cannot_show_stop_no_other(family, monkeypatch):
    """They are written by their numbers, as on standard error."""
    family()
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr("sys.stdout", shown)

    assert 0 == main(["predict", "acme_net", "hé", "two"])
    shown.flush()
    printed = shown.buffer.getvalue().decode("ascii")
    assert r"h\xe9  length 2" in printed and "two  length 3" in printed


def test_the_bar_counts_what_is_in_a_file(family, capsys):
    """A file of several inputs is not one."""
    family()
    Path("words.txt").write_text("one\ntwo\nthree\n")
    planned = plan("acme_net")
    run = Run(planned.ready(planned.build("cpu")), output=Path("output"))

    assert [3, 3, 3, 3] == [run.total - 1 for _ in run.outcomes(["words.txt", "four"])]


def test_a_device_that_is_not_there_is_told(family, server, capsys):
    """Before anything is fetched, with what there could be."""
    family()
    for device in ("absent", "meta"):
        status, printed = run(capsys, "acme_net", "ab", "--device", device)

        assert (1, []) == (status, server.asked)
        assert f"dapi: The device {device!r} cannot be used: " in printed.err


def test_a_machine_without_torch_is_told(family, monkeypatch):
    """With what to install, before anything is fetched."""
    family()
    planned = plan("acme_net")
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(dapi.exceptions.MissingDependencyError, match=r"'dapi-core\[torch\]'"):
        planned.check("cpu")


def test_bad_inputs_are_told_before_anything_is_fetched(family, server, capsys):
    """If all are bad, nothing is; the lines for programs are as ever."""
    family()
    status, lines, errors = run_json(capsys, "acme_net", "absent.txt", "", "absent.txt")

    assert (1, []) == (status, server.asked)
    assert ["absent.txt", "", "absent.txt"] == [line["input"] for line in lines]
    assert "no such file" in lines[0]["error"]["message"] and "will be downloaded" not in errors


def test_a_bad_input_among_good_ones_is_told_before_the_download(family, capsys):
    """And once: the good ones are done after that."""
    family()
    status, lines, errors = run_json(capsys, "acme_net", "good", "absent.txt")

    assert (1, ["good", "absent.txt", "summary"]) == (status, [line["input"] for line in lines])
    first, second = errors.splitlines()
    assert first.startswith("dapi: absent.txt: no such file")
    assert "will be downloaded" in second


def test_what_can_be_read_once_is_not_read_before(family, capsys, monkeypatch):
    """Standard input and pipes are for the model."""
    family()
    os.mkfifo("pipe.txt")
    words = threading.Thread(target=lambda: Path("pipe.txt").write_text("piped"))
    words.start()
    stdin = types.SimpleNamespace(buffer=io.BytesIO(b"typed"), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stdin)
    status, lines, _ = run_json(capsys, "acme_net", "-", "pipe.txt")
    words.join()

    assert (0, [5, 5]) == (status, [line["facts"]["length"] for line in lines[:-1]])


def test_a_task_that_declares_no_reader_works_as_ever(family, server, capsys):
    """Bad inputs are found when the model is there."""
    family(reads="staticmethod")
    status, lines, _ = run_json(capsys, "acme_net", "absent.txt")

    assert (1, True) == (status, bool(server.asked))
    assert "no such file" in lines[0]["error"]["message"]


def test_weights_that_cannot_be_run_on_files_are_not_fetched(family, server, capsys):
    """The task says so of them, knowing no model."""
    family(meta={"unfit": True})
    status, printed = run(capsys, "acme_net", "ab")

    assert (1, [], "") == (status, server.asked, printed.out)
    assert "acme_net:Words_RefV2: they turn numbers into words. Expected others." in printed.err


def test_an_output_that_cannot_be_is_told_before_the_download(family, capsys):
    """Of the default too; whether the task writes anything, only it knows."""
    family()
    Path("output").write_text("")
    _, printed = run(capsys, "acme_net", "ab")

    downloaded, told, *_ = printed.err.splitlines()
    assert "will be downloaded" in downloaded
    assert "Cannot write to output (Not a directory)" in told and "see --output" in told


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import absent_framework", "ModuleNotFoundError: No module named 'absent_framework'"),
        ("raise ValueError", "ValueError"),
    ],
)
def test_a_builder_that_fails_is_one_sentence(family, capsys, body, reason):
    """A stranger's error is no traceback: it names the model, whose it is, and what to ask."""
    family(body=body)
    status, printed = run(capsys, "acme_net", "ab")

    told = f"dapi: 'acme_net' of acme-nets cannot be used: {reason}. For details: "
    assert (1, f"{told}dapi doctor acme-nets") == (status, printed.err.splitlines()[-1])


@pytest.mark.parametrize("part", ["check", "task"])
def test_a_task_that_fails_is_one_sentence(family, capsys, part):
    """What it raises of its own is told as of the builder."""
    family(meta={"broken": part})
    status, printed = run(capsys, "acme_net", "ab")

    assert 1 == status
    assert "dapi: 'acme_net' of acme-nets cannot be used: ZeroDivisionError" in printed.err


@pytest.fixture
def terminal(monkeypatch):
    """Somebody sits at a terminal; returns what makes them answer."""

    def answer(text):
        stdin = io.StringIO(text)
        stdin.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    return answer


@pytest.mark.parametrize(("answer", "expected"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_a_large_download_is_asked_about(
    family, server, capsys, terminal, monkeypatch, answer, expected
):
    """On a terminal; what is no yes is a no, and nothing is fetched."""
    monkeypatch.setattr("dapi._cli.downloads.LARGE", 100)
    family()
    terminal(answer)
    status, printed = run(capsys, "acme_net", "ab")

    assert (expected, expected == 0) == (status, bool(server.asked))
    assert "Download 0.1 kB in 1 file? [y/N] " in printed.err
    assert ("dapi fetch acme_net:Words_RefV2" in printed.err) == bool(expected)


def test_a_large_download_without_a_terminal_needs_yes(family, server, capsys, monkeypatch):
    """A script does not fetch gigabytes that nobody spoke of."""
    monkeypatch.setattr("dapi._cli.downloads.LARGE", 100)
    family()
    status, printed = run(capsys, "acme_net", "ab")

    assert (1, [], "") == (status, server.asked, printed.out)
    assert "add --yes, or first run: dapi fetch acme_net:Words_RefV2" in printed.err
    assert 0 == run(capsys, "acme_net", "ab", "--yes")[0]
    assert 0 == run(capsys, "acme_net", "ab")[0]  # it is in the cache now


def test_a_disk_without_room_is_told_before_the_download(family, server, capsys, own_cache):
    """With what is needed and what is free; --yes helps only against an estimate."""
    family(size=10**17)
    for words in ((), ("--yes",)):
        status, printed = run(capsys, "acme_net", "ab", *words)

        assert (1, []) == (status, server.asked)
        assert f"cache at {own_cache} cannot be used: 100000000.0 GB are needed, " in printed.err


def test_an_estimate_beyond_the_disk_can_be_overruled(family, server, capsys):
    """The number of parameters is no size."""
    family(size="None", meta={"num_params": 2 * 10**14})
    status, printed = run(capsys, "acme_net", "ab")

    assert (1, []) == (status, server.asked)
    assert "about 800000.0 GB are needed" in printed.err and "--yes downloads" in printed.err
    assert 0 == run(capsys, "acme_net", "ab", "--yes")[0]
