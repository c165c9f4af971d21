"""Building: config, context, strict loading, and what is recorded on the model."""

import copy
import dataclasses
import functools
import pickle
import subprocess
import sys
import warnings

import pytest

import dapi
from dapi import Build, ContextParams, Status, WeightEntry, Weights, _store
from dapi.adapt import Rename, StripPrefix
from dapi.exceptions import (
    ArgumentError,
    ConfigConflictError,
    ForeignWeightsError,
    NoWeightsError,
    OutdatedWeightsWarning,
    StateDictMismatchError,
    UnreadOverrideError,
    WeightsDeclarationError,
    WeightsTypeError,
    WithdrawnWeightsError,
)

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")
nn = torch.nn


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.eps = ContextParams.get(self, "eps", 1e-5)


class Net(nn.Module):
    def __init__(self, num_classes=4, scale=1.0):
        super().__init__()
        self.norm = Norm()
        self.body = nn.Linear(3, 5)
        self.fc = nn.Linear(5, num_classes)
        self.scale = scale


THIS = f"{__name__}:Norm"


@pytest.fixture
def entry(tmp_path):
    """The weights of a Net with four classes, which need eps=0 and like scale=2."""
    path = tmp_path / "net.safetensors"
    safetensors_torch.save_file(Net().state_dict(), path)
    build = Build(config={"num_classes": 4}, defaults={"scale": 2.0}, context={THIS: {"eps": 0.0}})
    return WeightEntry.from_file(path, build=build)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Let "module:Class" find this module, however pytest imported it."""
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _module())


def _module():
    import types

    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    return module


def test_weights_are_loaded_with_their_config_and_context(entry):
    """What the weights need is applied while the model is built, and not after."""
    model = dapi.build_model(Net, weights=entry)

    assert (0.0, 2.0, True) == (model.norm.eps, model.scale, model.training)
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in entry.state_dict().items())
    assert 1e-5 == Norm().eps


def test_defaults_give_way_to_the_caller(entry):
    """What the weights only like, a caller may change."""
    assert 3.0 == dapi.build_model(Net, weights=entry, scale=3.0).scale


def test_contradiction_says_both(entry):
    """An argument against the weights is an error with both values and the ways out."""
    with pytest.raises(ConfigConflictError, match="num_classes=7.*num_classes=4.*new_head=True"):
        dapi.build_model(Net, weights=entry, head=("fc",), num_classes=7)
    assert 4 == dapi.build_model(Net, weights=entry, num_classes=4).fc.out_features


def test_name_is_no_constructor():
    """For a model's name, the error names the function that takes names."""
    with pytest.raises(ArgumentError, match=r"constructor='resnet20'.*dapi.get_model\(name\)"):
        dapi.build_model("resnet20")


def test_new_head_differs_under_the_head_only(entry):
    """A new head is asked for; everything else is loaded as strictly as ever."""
    model = dapi.build_model(Net, weights=entry, head=("fc",), new_head=True, num_classes=7)

    assert 7 == model.fc.out_features
    assert torch.equal(entry.state_dict()["body.weight"], model.body.weight)
    with pytest.raises(NoWeightsError, match="requires a builder that declares a head"):
        dapi.build_model(Net, weights=entry, new_head=True, num_classes=7)
    with pytest.raises(StateDictMismatchError):
        dapi.build_model(Net, weights=entry, head=("body",), new_head=True, num_classes=7)


class Seen(nn.Module):
    def __init__(self, in_channels=3, num_classes=4):
        super().__init__()
        self.conv = nn.Conv1d(in_channels, 2, 3)
        self.fc = nn.Linear(2, num_classes) if num_classes else nn.Identity()


@pytest.fixture
def seen(tmp_path):
    """The weights of a Seen; the entry fixes its classes, and only the file its channels."""
    path = tmp_path / "seen.safetensors"
    safetensors_torch.save_file(Seen().state_dict(), path)
    return WeightEntry.from_file(path, build=Build(config={"num_classes": 4}))


def test_new_stem_differs_under_the_stem_only(seen):
    """Other channels are asked for: with new filters, or with those of the file, fitted."""
    make = functools.partial(dapi.build_model, Seen, weights=seen, stem="conv", in_channels=1)
    file = seen.state_dict()

    with pytest.raises(ConfigConflictError, match="=1.*Pass in_channels=3.*new_stem=True"):
        make()
    for new_stem in (True, "adapt"):
        model = make(new_stem=new_stem)
        assert (2, 1, 3) == model.conv.weight.shape
        assert torch.equal(file["fc.weight"], model.fc.weight)
        is_fitted = torch.allclose(file["conv.weight"].sum(1, True), model.conv.weight)
        assert is_fitted == (new_stem == "adapt") == torch.equal(file["conv.bias"], model.conv.bias)
    with pytest.raises(NoWeightsError, match="requires a builder that declares a stem"):
        dapi.build_model(Seen, weights=seen, new_stem=True)
    with pytest.raises(NoWeightsError, match=r"declared as first.*Its layers are: conv, fc"):
        dapi.build_model(Seen, weights=seen, stem="first", new_stem="adapt")


def test_mismatch_beyond_the_stem_stays_one(seen):
    """That a file is of another model is not hidden by what its first layer takes."""
    other = dataclasses.replace(seen, build=Build())
    with pytest.raises(StateDictMismatchError):
        dapi.build_model(nn.Linear, 3, 2, weights=other, stem="conv")
    with pytest.raises(StateDictMismatchError):
        dapi.build_model(Seen, weights=other, stem="conv", in_channels=1, num_classes=5)


def test_no_classes_are_no_head_where_the_model_has_that_form(seen):
    """Without new_head, as nothing is initialized; a model that keeps a head is refused."""
    model = dapi.build_model(Seen, weights=seen, head="fc", num_classes=0)

    assert torch.equal(seen.state_dict()["conv.weight"], model.conv.weight)
    assert model._dapi_provenance.new_head
    with pytest.raises(ConfigConflictError, match="num_classes=0"):
        dapi.build_model(Seen, weights=seen, num_classes=0)
    with pytest.raises(ConfigConflictError, match="num_classes=0"):
        dapi.build_model(Seen, weights=seen, head="conv", num_classes=0)


def test_wrapped_model_knows_its_weights(entry):
    """What torch wraps around a model, in any order, does not hide where it came from."""
    model = dapi.build_model(Net, weights=entry)
    for wrapped in (nn.DataParallel(model), torch.optim.swa_utils.AveragedModel(model)):
        assert entry == dapi.weights_of(torch.compile(nn.DataParallel(wrapped)))


def test_new_head_that_the_model_does_not_have_is_an_error(entry):
    """A head that is declared by a wrong name is told, with the layers that there are."""
    with pytest.raises(NoWeightsError, match=r"declared as classifier.*Its layers are: .*fc"):
        dapi.build_model(Net, weights=entry, head="classifier", new_head=True)


def test_new_head_of_no_kind_is_refused(entry, forget_registered):
    """The caller may mean no head, and would get a classifier with a random one."""

    @dapi.register_model(head="fc")
    def headed(*, weights=None, progress=True, head=None, num_classes=4, **config):
        return Net(num_classes, **config)

    for arguments in ({}, {"num_classes": None}):
        with pytest.raises(ArgumentError, match="head=None.* num_labels=3; .* omit new_head"):
            headed(weights=entry, head=None, new_head=True, **arguments)
    assert 3 == headed(weights=entry, head=None, num_classes=3, new_head=True).fc.out_features
    assert 4 == headed(weights=entry, new_head=True).fc.out_features


def test_file_without_the_head_is_told_how_to_get_one(tmp_path):
    """Only if nothing else is wrong with it: otherwise, it is the file of another model."""
    facts = {key: value for key, value in Net().state_dict().items() if key[:3] != "fc."}
    for name, extra in (("bare", {}), ("other", {"more": torch.ones(1)})):
        safetensors_torch.save_file(facts | extra, tmp_path / f"{name}.safetensors")
        weights = WeightEntry.from_file(tmp_path / f"{name}.safetensors")
        with pytest.raises(StateDictMismatchError, match="2 keys are missing: fc") as caught:
            dapi.build_model(Net, weights=weights, head="fc")
        is_bare = name == "bare"
        assert (("fc",) if is_bare else ()) == caught.value.head
        assert is_bare == ("Add new_head=True to initialize a new fc." in str(caught.value))


def test_new_head_waives_no_other_argument(entry):
    """What is not of the head may not contradict the weights, new head or not."""
    fixed = dataclasses.replace(entry, build=Build(config={"num_classes": 4, "scale": 2.0}))

    for asked in ({}, {"new_head": True, "num_classes": 7}):
        with pytest.raises(ConfigConflictError, match="scale=5.0") as caught:
            dapi.build_model(Net, weights=fixed, head="fc", scale=5.0, **asked)
        assert str(caught.value).endswith("Pass scale=2.0, or weights=None.")
    assert (
        7
        == dapi.build_model(
            Net, weights=fixed, head="fc", new_head=True, num_classes=7
        ).fc.out_features
    )


@pytest.mark.parametrize("device", [None, "meta"])
def test_argument_that_a_constructor_is_given_twice_is_a_type_error(entry, device):
    """As Python says it, without weights too; one error, not two of which one came of the other."""

    def construct(**config):
        return Net(num_classes=4, **config)

    twice = dataclasses.replace(entry, build=Build())
    for weights in (twice, None):
        with pytest.raises(TypeError, match="multiple values for keyword.*num_classes") as caught:
            dapi.build_model(construct, weights=weights, num_classes=4, device=device)
        assert caught.value.__context__ is None


def test_entry_of_another_builder_says_so(entry):
    """An argument that only the weights want is not blamed on the caller."""
    foreign = dataclasses.replace(entry, build=Build(config={"n_symbol": 38}))

    with pytest.raises(ForeignWeightsError, match="require n_symbol.*belong to another builder"):
        dapi.build_model(Net, weights=foreign)
    with pytest.raises(TypeError, match="unexpected keyword argument 'color'"):
        dapi.build_model(Net, weights=entry, color=1)


def test_config_that_cannot_be_pickled_keeps_no_model_from_it(entry):
    """What a model remembers of how it was built does not stand in its way."""
    provenance = dapi._building.provenance.Provenance(
        "Net", entry, {"norm_layer": lambda: None, "a": 1}
    )

    assert {"a": 1} == pickle.loads(pickle.dumps(provenance)).config
    step = dataclasses.replace(entry, build=Build(adapt=(lambda state, config: state,)))
    assert pickle.loads(pickle.dumps(dataclasses.replace(provenance, weights=step))).weights is None


def test_override_that_nothing_read_is_an_error(entry):
    """An override whose class reads it no more, or is gone, never passes silently."""
    unread = dataclasses.replace(entry, build=Build(context={THIS: {"epsilon": 0.0}}))
    gone = dataclasses.replace(entry, build=Build(context={f"{__name__}:Gone": {"eps": 0.0}}))

    for broken in (unread, gone):
        with pytest.raises(UnreadOverrideError, match="the class was renamed"):
            dapi.build_model(Net, weights=broken)


def test_mismatch_lists_what_differs(tmp_path):
    """Missing and left-over keys are one error, with the nearest names; shapes are told too."""
    state = Net().state_dict()
    state["fc.wieght"] = state.pop("fc.weight")
    path = tmp_path / "other.safetensors"
    safetensors_torch.save_file(state, path)
    entry = WeightEntry.from_file(path)

    with pytest.raises(
        StateDictMismatchError, match=r"Was fc.weight renamed to fc.wieght\?"
    ) as caught:
        dapi.build_model(Net, weights=entry)
    assert (("fc.weight",), ("fc.wieght",)) == (caught.value.missing, caught.value.unexpected)
    with pytest.raises(StateDictMismatchError, match=r"fc.bias is \(4,\) in the file and \(9,\)"):
        dapi.build_model(Net, weights=entry, num_classes=9)


def test_adapted_keys_stay_strict(tmp_path):
    """Steps map an old layout to the model's; what they leave over is still an error."""
    state = {f"net.{key}".replace("weight", "gamma"): v for key, v in Net().state_dict().items()}
    path = tmp_path / "old.safetensors"
    safetensors_torch.save_file(state, path)
    steps = (StripPrefix("net."), Rename(r"gamma$", "weight"))

    dapi.build_model(Net, weights=WeightEntry.from_file(path, build=Build(adapt=steps)))
    with pytest.raises(StateDictMismatchError):
        dapi.build_model(Net, weights=WeightEntry.from_file(path, build=Build(adapt=steps[:1])))


class Versioned(nn.Module):
    """Dispatches on the version of its state dict, as torchvision's MNASNet does (vision#1224)."""

    _version = 2

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.seen = None

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        self.seen = local_metadata.get("version")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def test_code_version_is_kept_or_given(tmp_path):
    """A .pth keeps the version that wrote it; for safetensors the entry says it."""
    torch.save(Versioned().state_dict(), tmp_path / "net.pth")
    safetensors_torch.save_file(Versioned().state_dict(), tmp_path / "net.safetensors")
    kept = WeightEntry.from_file(tmp_path / "net.pth")
    lost = WeightEntry.from_file(tmp_path / "net.safetensors")
    given = dataclasses.replace(lost, build=Build(code_version={"": 1}))

    assert [2, None, 1] == [
        dapi.build_model(Versioned, weights=each).seen for each in (kept, lost, given)
    ]


class Renewed:
    """A step that computes a state dict of its own, with the versions of what it computed."""

    def __call__(self, state_dict, config):
        return Versioned().state_dict()


def test_step_may_bring_versions(tmp_path):
    """A step whose result says which versions wrote it is believed; others keep the file's."""
    old = Versioned().state_dict()
    old._metadata[""]["version"] = 1
    torch.save(old, tmp_path / "net.pth")
    for steps, version in (((), 1), ((Renewed(),), 2), ((Renewed(), StripPrefix("x.")), 2)):
        entry = WeightEntry.from_file(tmp_path / "net.pth", build=Build(adapt=steps))
        assert version == dapi.build_model(Versioned, weights=entry).seen


def test_wrapper_of_a_model_leaves_its_versions(tmp_path):
    """A file that DataParallel wrote has them under "module"."""
    torch.save(nn.DataParallel(Versioned()).state_dict(), tmp_path / "net.pth")
    for steps in ((StripPrefix("module."),), (Rename("^module", "net"), StripPrefix("net."))):
        entry = WeightEntry.from_file(tmp_path / "net.pth", build=Build(adapt=steps))
        assert 2 == dapi.build_model(Versioned, weights=entry).seen


def test_code_version_counts_where_a_step_lost_the_file_s(tmp_path):
    """A step of one's own that renames, and says nothing of versions, leaves those of no module."""
    torch.save(nn.DataParallel(Versioned()).state_dict(), tmp_path / "net.pth")

    def strip(state, config):
        return {key.removeprefix("module."): value for key, value in state.items()}

    build = Build(adapt=(strip,), code_version={"": 2})
    entry = WeightEntry.from_file(tmp_path / "net.pth", build=build)
    assert 2 == dapi.build_model(Versioned, weights=entry).seen

    build = Build(adapt=(StripPrefix("module."),), code_version={"": 1})
    entry = WeightEntry.from_file(tmp_path / "net.pth", build=build)
    assert 2 == dapi.build_model(Versioned, weights=entry).seen  # the file knows


def test_weights_of_survives_copies_and_pickles(entry):
    """The model knows its weights, wherever it goes."""
    model = dapi.build_model(nn.Linear, 3, 5, weights=None)
    with pytest.raises(NoWeightsError, match="Linear has no weights"):
        dapi.weights_of(model)

    model = dapi.build_model(Net, weights=entry)
    assert entry == dapi.weights_of(model) == dapi.weights_of(copy.deepcopy(model))
    assert entry == dapi.weights_of(pickle.loads(pickle.dumps(model)))


def test_withdrawn_weights_do_not_load(entry):
    """What was taken back says why and what to use instead; the way around is explicit."""
    status = Status("withdrawn", replacement="net:RefV2", reason="The wrong epoch was uploaded.")
    withdrawn = dataclasses.replace(entry, status=status)

    with pytest.raises(WithdrawnWeightsError, match="wrong epoch.*net:RefV2"):
        dapi.build_model(Net, weights=withdrawn)
    dapi.build_model(Net, weights=dataclasses.replace(withdrawn, status=Status()))


def test_deprecated_weights_warn_once(entry):
    """A deprecation names the replacement, once, in a category of its own."""
    status = Status("deprecated", replacement="net:RefV2", reason="Less accurate.")
    deprecated = dataclasses.replace(entry, status=status)

    with pytest.warns(OutdatedWeightsWarning, match="net:RefV2") as caught:
        dapi.build_model(Net, weights=deprecated)
        dapi.build_model(Net, weights=deprecated)
    assert 1 == len(caught)


def test_outdated_weights_warn_for_their_dataset_only(tmp_path):
    """A later member of the same dataset is named once; of another dataset it is no matter."""
    for name in "abc":
        safetensors_torch.save_file(Net().state_dict(), tmp_path / f"{name}.safetensors")
    url = f"package:{tmp_path.name}/{{}}.safetensors"

    class NetWeights(Weights):
        Digits_RefV1 = WeightEntry(url.format("a"))
        Digits_RefV2 = WeightEntry(url.format("b"), latest=True)
        Plants_RefV1 = WeightEntry(url.format("c"))

    (tmp_path / "__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path.parent))
        with pytest.warns(OutdatedWeightsWarning, match="the latest is NetWeights.Digits_RefV2"):
            dapi.build_model(Net, weights=NetWeights.Digits_RefV1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dapi.build_model(Net, weights=NetWeights.Digits_RefV1)  # said already
            dapi.build_model(Net, weights=NetWeights.Digits_RefV2)
            dapi.build_model(Net, weights=NetWeights.Plants_RefV1)


def test_build_model_refuses_what_are_no_weights():
    """A path or a name is not an entry."""
    with pytest.raises(WeightsTypeError, match="net.pth"):
        dapi.build_model(Net, weights="net.pth")


def test_model_built_is_told_to_hooks(entry, advertise):
    """A distribution may take note of every model that was built with weights."""
    import sys

    advertise(
        "acme-notes",
        "[dapi.hooks]\nnotes = acme_notes\n",
        acme_notes="from dapi.hooks import hookimpl\nseen = []\n\n@hookimpl\n"
        "def dapi_model_built(builder, weights):\n    seen.append((builder, weights))\n",
    )
    dapi.build_model(Net, weights=entry)

    assert [("Net", entry)] == sys.modules.pop("acme_notes").seen


class Sound(nn.Module):
    """A model with a parameter and a buffer that its constructor computes."""

    def __init__(self, size=4):
        super().__init__()
        self.kernels = nn.Conv1d(1, size, 3, bias=False)
        self.kernels.weight = nn.Parameter(torch.arange(3.0 * size).view(size, 1, 3).cos())
        self.register_buffer("lengths", torch.arange(float(size)).sqrt())
        self.fc = nn.Linear(size, 2)


@pytest.fixture
def without_kernels(tmp_path):
    """Write a file that lacks what Sound computes; return a function that makes an entry for it."""
    state = Sound().fc.state_dict(prefix="fc.")
    safetensors_torch.save_file(state, tmp_path / "sound.safetensors")

    def entry(*computed):
        build = Build(computed=computed)
        return WeightEntry.from_file(tmp_path / "sound.safetensors", build=build)

    return entry


@pytest.mark.parametrize("computed", [("kernels", "lengths"), ("kernels.weight", "lengths")])
def test_computed_keys_keep_the_values_of_the_constructor(without_kernels, computed):
    """The file lacks them; all others are the file's."""
    entry = without_kernels(*computed)
    found, usual = dapi.build_model(Sound, weights=entry).state_dict(), Sound().state_dict()

    assert torch.equal(usual["kernels.weight"], found["kernels.weight"])
    assert torch.equal(usual["lengths"], found["lengths"])
    assert torch.equal(entry.state_dict()["fc.weight"], found["fc.weight"])


def test_undeclared_computed_keys_are_missing(without_kernels):
    """Loading is strict about keys that nobody declared."""
    with pytest.raises(StateDictMismatchError) as caught:
        dapi.build_model(Sound, weights=without_kernels("kernels"))

    assert ("lengths",) == caught.value.missing


def test_computed_key_in_the_file_is_refused(without_kernels):
    """Which of the two values is meant, nobody can tell."""
    with pytest.raises(StateDictMismatchError, match="declared as computed") as caught:
        dapi.build_model(Sound, weights=without_kernels("kernels", "lengths", "fc.bias"))

    assert ("fc.bias",) == caught.value.unexpected


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_computed_key_that_the_model_lacks_is_refused(without_kernels, device):
    """A misspelt name is told, before a file is read too."""
    with pytest.raises(WeightsDeclarationError, match="'kernel'"):
        dapi.build_model(
            Sound, weights=without_kernels("kernel", "kernels", "lengths"), device=device
        )


@pytest.fixture
def half(tmp_path):
    """Write a file of half precision for a linear layer, and return its path."""
    torch.save(nn.Linear(3, 2).half().state_dict(), tmp_path / "half.pth")
    return tmp_path / "half.pth"


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float64", torch.float64),
        ("torch.bfloat16", torch.bfloat16),
        ("auto", torch.float16),
        (None, torch.float32),
    ],
)
def test_dtype_is_named_or_that_of_the_file(half, dtype, expected):
    """As torch.dtype, and as users of transformers write it."""
    model = dapi.build_model(nn.Linear, 3, 2, weights=WeightEntry.from_file(half), dtype=dtype)

    assert {expected} == {each.dtype for each in model.parameters()}


def test_auto_is_the_type_of_most_numbers(tmp_path):
    """A file of half precision may keep a few tensors in full precision."""
    net = nn.Sequential(nn.Linear(30, 20).half(), nn.LayerNorm(20))
    torch.save(net.state_dict(), tmp_path / "net.pth")
    entry = WeightEntry.from_file(tmp_path / "net.pth")
    model = dapi.build_model(
        lambda: nn.Sequential(nn.Linear(30, 20), nn.LayerNorm(20)), weights=entry, dtype="auto"
    )

    assert {torch.float16} == {each.dtype for each in model.parameters()}


@pytest.mark.parametrize("dtype", ["int8", "half precision", 16, torch.int64])
def test_type_that_no_model_has_is_refused(dtype):
    """Before anything is built."""
    with pytest.raises(ArgumentError, match=r"dtype=.*Expected a floating-point type"):
        dapi.build_model(nn.Linear, 3, 2, dtype=dtype)


def test_path_is_a_local_checkpoint(half):
    """It is hashed and verified, like an entry of that file."""
    model = dapi.build_model(nn.Linear, 3, 2, weights=half)

    assert WeightEntry.from_file(half) == dapi.weights_of(model)
    assert len(dapi.weights_of(model).sha256) == 64


def imported_by(call):
    """Return the private modules that a process needs for one call."""
    code = (
        f"import sys, dapi; from torch import nn; {call};"
        "print(*(name for name in sys.modules if name.startswith('dapi._')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[1] + "." + name.split(".")[-1] for name in done.stdout.split()}


def test_building_without_weights_imports_neither_the_store_nor_the_loader():
    """The first model of a process takes a few milliseconds longer than constructing it."""
    loaded = imported_by("dapi.build_model(nn.Linear, 2, 2)")

    assert "_building.build_model" in loaded
    assert loaded.isdisjoint(
        {"_store._store", "_store.cache", "_loader.construction", "_loader.placement"}
    )


def test_loading_from_the_cache_imports_nothing_for_downloads_or_errors(tmp_path):
    """They took a quarter of the first model of a process."""
    path = tmp_path / "net.safetensors"
    dapi.catalog.write_tensors(path, nn.Linear(2, 2).state_dict(), {})
    local = WeightEntry.from_file(path)
    entry = WeightEntry("https://localhost:1/net.safetensors", sha256=local.sha256)
    _store.add(path, entry.files[0], wanted="net")

    weights = f"dapi.WeightEntry({entry.url!r}, sha256={entry.sha256!r})"
    loaded = imported_by(f"dapi.build_model(nn.Linear, 2, 2, weights={weights})")

    assert "_loader.placement" in loaded
    store = {"partial", "progress", "locking", "placeholder", "faults", "download"}
    others = {"_loader.archive", "_loader.index", "_building.arguments", "_plugins.hooks"}
    assert loaded.isdisjoint(others | {f"_store.{name}" for name in store})
