"""dapi.predictor: what a call takes, what it returns, and what it refuses."""

import hashlib
import multiprocessing
import pickle
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import dapi
from dapi.exceptions import (
    ArgumentError,
    InputError,
    OutdatedWeightsWarning,
    SavingError,
    UnknownTaskError,
)
from dapi.tasks import Prediction

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

FAMILY = """
import os
from dapi import WeightEntry, Weights, register_model

class NetWeights(Weights):
    Sums_RefV1 = WeightEntry("{url}", sha256="{sha256}", meta={{"task": "{task}"}})
    Sums_RefV2 = WeightEntry("{url}?2", sha256="{sha256}", latest=True, meta={{"task": "{task}"}})

@register_model(weights=NetWeights)
def acme_net(*, weights=None, progress=True, **config):
    from torch import nn
    with open("{log}", "a") as log:
        print(os.getpid(), file=log)
    return nn.Linear(2, 1)
"""
TASKS = """
from pathlib import Path
import torch
from dapi.exceptions import InputError
from dapi.tasks import Batch, Input, Prediction, Predictor, place, read_texts, reads

def read(source):
    lines = Path(source).read_text().split()
    return [Input(f"{source}:{line}", [float(x) for x in line.split(",")]) for line in lines]

def predicting(model):
    def predict(numbers):
        if numbers == 0:
            raise KeyError("bug")
        assert torch.is_inference_mode_enabled() and not model.training
        output = model(place(torch.tensor(numbers), model))
        return Prediction({"noise": torch.rand(1).item()}, output=output)
    return predict

def plain(model, weights):
    return Predictor(read, predicting(model))

def accepting(model, weights):
    def accept(value):
        if not isinstance(value, complex):
            raise InputError(type(value).__name__, "it is not complex", expected="complex numbers")
        return [value.real, value.imag]
    return Predictor(read, predicting(model), accept=accept)

def counting(model, weights):
    seen = []
    def predict(numbers):
        seen.append(numbers)
        return Prediction({"number": len(seen)})
    return Predictor(read, predict, lambda: Prediction({"numbers": len(seen)}))

SIZES = []

def together(model, weights):
    def accept(value):
        print("read", value)
        return value if isinstance(value, list) else [value, value]
    def prepare(numbers):
        return torch.tensor([numbers])
    def run(batch):
        SIZES.append(len(batch))
        if batch.shape[-1] == 3:
            raise ValueError("it has three numbers")
        assert torch.is_inference_mode_enabled()
        return (batch.sum(dim=1, keepdim=True) + torch.rand(())).split(1)
    def present(numbers, output):
        return Prediction({"numbers": numbers}, output=output)
    batch = Batch(prepare, run, present)
    return Predictor(read, batch.predict, accept=accept, batch=batch)

@reads(read_texts)
def reading(model, weights):
    return Predictor(lambda source: read_texts(source), lambda text: Prediction({"text": text}))
"""


@pytest.fixture
def predictor(alone, advertise, server, tmp_path, monkeypatch):
    """Make the predictor of a task in ``TASKS``, in a directory with two files."""
    monkeypatch.chdir(tmp_path)
    Path("one.txt").write_text("1,2")
    Path("two.txt").write_text("1,2 3,4")

    def make(task, *arguments, name="acme_net", **options):
        body = safetensors_torch.save(torch.nn.Linear(2, 1).state_dict())
        url, sha256 = server.serve("/net.safetensors", body), hashlib.sha256(body).hexdigest()
        server.serve("/net.safetensors?2", body)
        points = "[dapi.models]\nacme_net = acme_family:acme_net\n"
        points += "[dapi.weights]\nacme_net = acme_family:NetWeights\n[dapi.tasks]\n"
        points += "\n".join(
            f"{each} = acme_tasks:{each}"
            for each in ("plain", "accepting", "counting", "reading", "together")
        )
        family = FAMILY.format(url=url, sha256=sha256, task=task, log=tmp_path / "built.txt")
        advertise("acme-nets", points, acme_family=family, acme_tasks=TASKS)
        return dapi.predictor(name, *arguments, **options)

    yield make
    for module in ("acme_family", "acme_tasks"):
        sys.modules.pop(module, None)


def test_a_value_is_the_input_itself(predictor):
    """What is no path goes to the task; its result names it, and has the model's output."""
    predict = predictor("plain")
    result = predict((1.0, 2.0))

    assert isinstance(result, Prediction)
    assert ("tuple", ["noise"]) == (result.input, [*result.facts])
    assert torch.equal(predict.model(torch.tensor([1.0, 2.0])), result.output)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_read(predictor, kind):
    """The same as the value in the file."""
    predict = predictor("plain")
    result = predict(kind("one.txt"))

    assert "one.txt:1,2" == result.input
    assert torch.equal(predict((1.0, 2.0)).output, result.output)


def test_a_list_is_several_inputs(predictor):
    """In their order; a file may contain several of them."""
    predict = predictor("plain")
    results = predict([(1.0, 2.0), "two.txt", "one.txt"])

    names = ["tuple", "two.txt:1,2", "two.txt:3,4", "one.txt:1,2"]
    assert names == [each.input for each in results]
    assert results.summary is None
    assert [] == predict([])
    with pytest.raises(InputError, match=r"two.txt: it contains 2 inputs. .* a list"):
        predict("two.txt")


def test_calls_do_not_know_each_other(predictor):
    """A task that remembers inputs begins anew with each call."""
    predict = predictor("counting")
    results = predict(["one.txt", "two.txt"])

    assert [1, 2, 3] == [each.facts["number"] for each in results]
    assert {"numbers": 3} == results.summary.facts
    assert 1 == predict("one.txt").facts["number"]


def test_values_are_converted_by_the_task(predictor):
    """``accept`` makes the input of what a Python user has, and refuses what is none."""
    predict = predictor("accepting")

    assert torch.equal(predict("one.txt").output, predict(1 + 2j).output)
    with pytest.raises(InputError, match=r"float: it is not complex. Expected complex numbers."):
        predict(1.0)


def test_a_text_is_never_a_path(predictor):
    """A stranger's text opens no file, and only a Path does."""
    predict = predictor("reading")
    Path("secret.txt").write_text("secret")

    assert "secret.txt" == predict(" secret.txt ").facts["text"]
    assert "-" == predict("-").facts["text"]
    assert "secret" == predict(Path("secret.txt")).facts["text"]
    for wrong, reason in {
        "": "it is blank",
        1: "it is not a text",
        b"a": "it is not a text",
    }.items():
        with pytest.raises(InputError, match=reason):
            predict(wrong)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "absent.txt",
            "absent.txt: No such file or directory. Expected an input of the task plain",
        ),
        ("words.txt", "could not convert string to float"),
        ("empty.txt", "it is empty"),
        (("ab",), "tuple: too many dimensions"),
    ],
    ids=["absent", "words", "empty", "type"],
)
def test_a_bad_input_is_an_input_error(predictor, source, reason):
    """Whatever the task raises for it."""
    Path("words.txt").write_text("words")
    Path("empty.txt").write_text("")

    with pytest.raises(InputError, match=reason):
        predictor("plain")(source)


def test_a_bug_of_the_task_stays_what_it_is(predictor):
    """It is not the fault of the input."""
    with pytest.raises(KeyError, match="bug"):
        predictor("plain")(0)


def test_random_numbers_are_left_alone(predictor):
    """Without a seed; with one, each input has the same."""
    torch.manual_seed(3)
    expected = torch.rand(2)
    predict = predictor("plain")
    torch.manual_seed(3)
    noises = [each.facts["noise"] for each in predict([(1.0, 2.0)] * 2)]
    assert expected.tolist() == noises

    seeded = dapi.predictor("acme_net", seed=0)
    first, second = seeded([(1.0, 2.0)] * 2)
    assert first.facts == second.facts


def test_weights_and_dtype_are_chosen(predictor):
    """As for every builder; inputs get the dtype too."""
    with pytest.warns(OutdatedWeightsWarning):
        predict = predictor("plain", "Sums_RefV1", dtype=torch.bfloat16)

    assert "acme_net:Sums_RefV1" == str(predict.weights)
    assert torch.bfloat16 == predict((1.0, 2.0)).output.dtype
    assert "acme_net:Sums_RefV2" == str(dapi.predictor("acme_net").weights)


def test_an_unknown_task_downloads_nothing(predictor, server):
    """It is known before."""
    with pytest.raises(UnknownTaskError):
        predictor("absent")
    assert [] == server.asked


def test_weights_themselves_are_enough(predictor, tmp_path):
    """A member, as a search returns it, or an entry of a file that nobody published."""
    predictor("plain")
    [found] = dapi.search("acme_net", latest_only=True)
    assert found is dapi.predictor(found).weights

    model = torch.nn.Linear(2, 1)
    safetensors_torch.save_file(model.state_dict(), tmp_path / "own.safetensors")
    entry = dapi.WeightEntry.from_file(tmp_path / "own.safetensors", meta={"task": "plain"})
    output = dapi.predictor("acme_net", entry)((1.0, 2.0)).output
    assert torch.equal(model(torch.tensor([1.0, 2.0])), output)


def test_a_pickle_has_the_arguments_and_no_tensor(predictor):
    """What unpickles it builds the same model with the same options, once in a process."""
    with pytest.warns(OutdatedWeightsWarning):
        predict = predictor("plain", "Sums_RefV1", dtype=torch.float64, seed=0)
        pickled = pickle.dumps(predict)
        again = pickle.loads(pickled)

    assert len(pickled) < 500
    assert str(predict.weights) == str(again.weights)
    assert predict((1.0, 2.0)) == again((1.0, 2.0))
    assert torch.equal(predict((1.0, 2.0)).output, again((1.0, 2.0)).output)
    assert again is pickle.loads(pickled)


def test_workers_download_once_and_build_once_each(predictor, server, own_cache, tmp_path):
    """Two spawned processes that get the predictor with each of many inputs."""
    predict = predictor("plain")
    shutil.rmtree(own_cache)
    server.asked.clear()
    (tmp_path / "built.txt").unlink()

    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(predict, ["one.txt"] * 6))

    built = (tmp_path / "built.txt").read_text().split()
    assert 6 == len(results)
    assert ["/net.safetensors?2"] == server.asked
    assert sorted(set(built)) == sorted(built)


def test_a_changed_model_is_not_pickled(predictor):
    """The other process would build the published one, and be wrong without a word."""
    predict = predictor("plain")
    with torch.no_grad():
        predict.model.bias.zero_()

    with pytest.raises(SavingError, match="its tensors were changed"):
        pickle.dumps(predict)


def test_statistics_belong_to_the_model_and_caches_do_not(predictor):
    """Those of batch norm change in training mode, without a step of an optimizer."""
    predict = predictor("plain")
    predict.model.register_buffer("cache", torch.zeros(2), persistent=False)
    pickle.dumps(predict)
    predict.model.register_buffer("running_mean", torch.zeros(2))

    with pytest.raises(SavingError, match="its tensors were changed"):
        pickle.dumps(predict)


def test_a_pickle_gives_the_published_model_whatever_others_did(predictor):
    """A process keeps the models of its pickles, but not one that was changed since."""
    predict = predictor("plain")
    pickled, expected = pickle.dumps(predict), predict((1.0, 2.0)).output
    with torch.no_grad():
        pickle.loads(pickled).model.bias.add_(1)

    assert torch.equal(expected, pickle.loads(pickled)((1.0, 2.0)).output)


@pytest.mark.slow  # the compiler takes its time
def test_a_compiled_model_gives_the_same(predictor):
    """The same as a model that is not compiled."""
    compiled = predictor("plain", compile=True)
    result = compiled((1.0, 2.0)).output

    assert torch.allclose(dapi.predictor("acme_net")((1.0, 2.0)).output, result)


def sizes():
    """The sizes of the batches that ran."""
    return sys.modules["acme_tasks"].SIZES


def test_inputs_of_one_shape_run_at_once(predictor):
    """A list is read in parts; within a part each shape is a batch, and the order is kept."""
    predict = predictor("together")
    results = predict([[1.0, 2.0], [3.0], [4.0, 5.0], [6.0, 7.0], [8.0]], batch_size=4)

    assert [3, 1, 1] == sizes()
    assert [[1.0, 2.0], [3.0], [4.0, 5.0], [6.0, 7.0], [8.0]] == [
        each.facts["numbers"] for each in results
    ]
    assert [3, 3, 9, 13, 8] == [each.output.floor().item() for each in results]
    assert (1, 1) == results[0].output.shape


def test_an_iterator_is_read_in_parts(predictor, capsys):
    """What a generator yields is read when it is needed, and results come before it ends."""
    predict = predictor("together")
    results = predict((float(n) for n in range(10**9)), batch_size=3)
    first = [next(results) for _ in range(4)]

    assert [0.0, 1.0, 2.0, 3.0] == [each.facts["numbers"][0] for each in first]
    assert 6 == capsys.readouterr().out.count("read")
    assert not torch.is_inference_mode_enabled()


def test_a_seed_means_one_at_a_time(predictor):
    """What is random is as if each input were alone."""
    first, second = predictor("together", seed=0)([1.0, 1.0])

    assert [1, 1] == sizes() and torch.equal(first.output, second.output)


def test_a_batch_of_one_is_one_at_a_time(predictor):
    """For results that are those of single inputs to the bit."""
    assert 2 == len(predictor("together")([1.0, 2.0], batch_size=1))
    assert [1, 1] == sizes()


def test_the_input_that_a_model_refuses_is_named(predictor):
    """Not the batch that it is in."""
    with pytest.raises(InputError, match=r"list: it has three numbers"):
        predictor("together")([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    assert [2, 1] == sizes()


@pytest.mark.parametrize("size", [0, -1, 1.5, None])
def test_a_batch_has_a_size(predictor, size):
    """A positive integer."""
    with pytest.raises(ArgumentError, match="Expected a positive integer"):
        predictor("together")([1.0], batch_size=size)
