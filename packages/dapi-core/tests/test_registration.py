"""register_model: what surrounds every builder, and what a builder still is."""

import importlib
import inspect
import pickle
import warnings
from enum import Enum

import pytest

import dapi
from dapi import Build, BuilderConfig, LegacyArgument, WeightEntry, Weights, register_model
from dapi._catalog import builders
from dapi.exceptions import (
    ConfigConflictError,
    DuplicateModelError,
    InvalidNameError,
    LegacyArgumentWarning,
    LegacyConflictError,
    MissingFileError,
    NoWeightsError,
    OutdatedWeightsWarning,
    PositionalArgumentError,
    RandomBackboneWarning,
    ReplacedBuilderWarning,
    UnexpectedArgumentError,
    UnknownWeightsError,
    WeightsDeclarationError,
    WeightsTypeError,
)


class NetWeights(Weights):
    Digits_RefV1 = WeightEntry("https://example.org/1.pth")
    Digits_RefV2 = WeightEntry("https://example.org/2.pth", latest=True)


class OtherWeights(Weights):
    Digits_RefV1 = WeightEntry("https://example.org/other.pth")


@pytest.fixture(autouse=True)
def forget_registered(monkeypatch):
    """What these tests register does not outlive them."""
    monkeypatch.setattr(builders, "_registered", {})


@pytest.fixture
def net():
    """A builder that returns what its body was given."""

    @register_model(
        weights=NetWeights,
        legacy=(
            LegacyArgument("pretrained", {True: NetWeights.Digits_RefV1, False: None}),
            LegacyArgument(
                "pretrained_backbone", {True: NetWeights.Digits_RefV2}, "weights_backbone"
            ),
        ),
    )
    def net(*, weights=None, weights_backbone=None, progress=True, **config):
        """Build a net."""
        return {"weights": weights, "weights_backbone": weights_backbone, **config}

    return net


def test_builder_keeps_signature_and_docstring(net):
    """Editors and type checkers see the function that was written."""
    assert ["weights", "weights_backbone", "progress", "config"] == list(
        inspect.signature(net).parameters
    )
    assert ("net", "Build a net.") == (net.__name__, net.__doc__)


def test_builder_pickles_like_a_function(tmp_path, monkeypatch):
    """A builder of a module is pickled by its name."""
    (tmp_path / "pickled_family.py").write_text(
        "from dapi import register_model\n@register_model()\ndef net(*, weights=None): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    builder = importlib.import_module("pickled_family").net

    assert pickle.loads(pickle.dumps(builder)) is builder


@pytest.mark.parametrize(
    "typo", ["wieghts", "weigths", "weights_backbon", "progres", "pretrianed", "new_haed"]
)
def test_near_miss_is_refused(net, typo):
    """``**config`` does not swallow a misspelt argument of the builder."""
    with pytest.raises(UnexpectedArgumentError, match="Did you mean"):
        net(**{typo: None})


def test_other_arguments_reach_the_body(net):
    """What is not near to an argument of the builder is config."""
    assert 7 == net(num_classes=7, weight_decay=0.1)["num_classes"]


class NetConfig(BuilderConfig, total=False):
    num_classes: int


def plain(*, weights=None, num_classes: int = 3):
    """Build a net."""


def typed(*, weights=None, **config: "Unpack[NetConfig]"):  # noqa: F821 - a type checker's
    """Build a net."""
    return config


@pytest.mark.parametrize("function", [plain, typed])
@pytest.mark.parametrize(
    ("argument", "near"),
    [("num_clases", "num_classes"), ("wieghts", "weights"), ("far_from_all", "device")],
)
def test_argument_that_is_not_declared_is_refused(function, argument, near):
    """By a builder that declares all that it takes, by parameters or a TypedDict."""
    with pytest.raises(UnexpectedArgumentError, match=argument) as caught:
        register_model()(function)(**{argument: 1})

    assert near in caught.value.available


def test_declared_arguments_reach_the_body():
    """Those of the TypedDict, of what it extends, and what the decorator takes out."""
    builder = register_model()(typed)

    assert {"num_classes": 3} == builder(num_classes=3, new_head=False, device=None, dtype=None)


def test_weights_none_is_plain_construction(net):
    """Without weights nothing is merged, fetched or loaded."""
    assert {"weights": None, "weights_backbone": None} == net()


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (OtherWeights.Digits_RefV1, "OtherWeights.Digits_RefV1.*Expected a member of NetWeights"),
        ("Digits_RefV1", r"dapi.get_model\('net', weights='Digits_RefV1'\)"),
        (True, "weights=True"),
    ],
    ids=["another enum", "a string", "a bool"],
)
def test_wrong_weights_are_refused(net, weights, text):
    """What is not weights of this builder is told with what was expected."""
    with pytest.raises(WeightsTypeError, match=text):
        net(weights=weights)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ("/tmp/net.pth", r"weights=dapi.WeightEntry.from_file\('/tmp/net.pth'\)"),
        ("a\\net", r"weights=dapi.WeightEntry.from_file\(.*dapi.load\("),
        ("https://example.org/net.pth", r"weights=dapi.WeightEntry\('https://example.org/net.pth'"),
        ({"weight": [0.0] * 100_000}, "a dict of 1 items: 'weight'.*load_state_dict"),
        ([0.0] * 100_000, "weights=a list"),
        ("x" * 100_000, "weights='xxx.*xxx...'"),
        (NetWeights, "Expected a member of NetWeights"),
        (True, r"dapi.get_model\('net'\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_wrong_weights_are_told_shortly_and_how_to_pass_them(net, weights, text):
    """A path, a URL and a state dict lead to the call that takes them; no value fills a screen."""
    with pytest.raises(WeightsTypeError, match=text) as caught:
        net(weights=weights)
    assert len(str(caught.value)) < 500


def test_path_of_no_file_is_told(net, tmp_path):
    """A builder takes the path of a checkpoint, which must exist."""
    with pytest.raises(MissingFileError, match=r"absent\.pth does not exist"):
        net(weights=tmp_path / "absent.pth")


class Net_Weights(Enum):
    """As another library has it."""

    DIGITS_V1 = "https://example.org/1.pth"
    OTHER_V1 = "https://example.org/other.pth"


@pytest.mark.parametrize("weights", [Net_Weights.DIGITS_V1, "DIGITS_V1", "Net_Weights.DIGITS_V1"])
def test_weights_of_another_library_are_told_ours(weights):
    """Its enum's member, or that one's name, is no weights here: the error says which is."""

    class Known(Weights):
        Digits_RefV1 = WeightEntry("https://x.org/1", meta={"known_as": "Net_Weights.DIGITS_V1"})

    @register_model(weights=Known)
    def known_net(*, weights=None): ...

    with pytest.raises(WeightsTypeError, match=r"known_net\(weights=Known.Digits_RefV1\)"):
        known_net(weights=weights)
    with pytest.raises(WeightsTypeError) as caught:
        known_net(weights=Net_Weights.OTHER_V1)
    assert () == caught.value.equivalents


def test_members_that_another_distribution_offers_are_accepted(net, advertise):
    """An enum that names this builder in its entry points serves it, and others are named."""
    points = f"[dapi.weights]\nnet = {__name__}:OtherWeights\n"
    spec = net.__dapi_builder__
    advertise("acme-others", points)
    spec.check_weights(OtherWeights.Digits_RefV1, net)

    points = f"[dapi.weights]\nvit = {__name__}:OtherWeights\n"
    advertise("acme-others", points, folder="later")
    with pytest.raises(WeightsTypeError, match="which are weights of vit"):
        spec.check_weights(OtherWeights.Digits_RefV1, net)


@pytest.mark.parametrize(
    ("old", "expected", "text"),
    [
        ({"pretrained": False}, None, r"Write net\(weights=None\)"),
        ({"pretrained_backbone": True}, None, r"net\(weights_backbone=NetWeights.Digits_RefV2\)"),
    ],
    ids=["pretrained", "pretrained_backbone"],
)
def test_legacy_argument_warns_with_the_replacement(net, old, expected, text):
    """Arguments of the past work, and the warning is what to write instead."""
    with pytest.warns(LegacyArgumentWarning, match=text) as caught:
        built = net(**old)

    assert __file__ == caught[0].filename
    assert expected is built["weights"]
    assert not set(old) & set(built)


def test_legacy_argument_means_its_weights(net, monkeypatch):
    """``pretrained=True`` asks for the weights that it meant in the past."""
    pytest.importorskip("torch")
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    with (
        pytest.warns(LegacyArgumentWarning),
        pytest.warns(OutdatedWeightsWarning),
        pytest.raises(OSError, match="https://example.org/1.pth"),
    ):
        net(pretrained=True)


def test_legacy_value_that_never_was_is_refused(net):
    """An old argument has its old values only."""
    for value in ("legacy", []):
        with pytest.raises(UnknownWeightsError, match=r"net\(pretrained=\.\.\.\).*False, True"):
            net(pretrained=value)


@pytest.mark.parametrize(
    ("arguments", "version"), [({"small": True}, 2), ({"small": False}, 1), ({}, 1)]
)
def test_legacy_argument_may_depend_on_another(arguments, version):
    """The first that is meant for the other arguments of a call says what was asked for."""
    small = LegacyArgument("pretrained", {True: NetWeights.Digits_RefV2}, when={"small": True})
    usual = LegacyArgument("pretrained", {True: NetWeights.Digits_RefV1})

    @register_model(weights=NetWeights, legacy=(small, usual))
    def sized(*, weights=None, small=False):
        """Build a net."""

    with pytest.warns(LegacyArgumentWarning, match=f"weights=NetWeights.Digits_RefV{version}"):
        sized.__dapi_builder__.translate_legacy({"pretrained": True, **arguments})


def test_legacy_argument_beside_its_successor_is_refused(net):
    """Of an old argument and the one of today, none is dropped silently."""
    with pytest.raises(LegacyConflictError, match="Remove pretrained="):
        net(pretrained=True, weights=None)


def test_arguments_by_position_are_refused(net):
    """Who writes it as in the past is told how to write it."""
    with pytest.raises(PositionalArgumentError, match=r"net\(True\).*net\(weights=...\)"):
        net(True)


@pytest.mark.parametrize("weights", [NetWeights.Digits_RefV1, int, "NetWeights"], ids=str)
def test_weights_of_a_declaration_must_be_enums(weights):
    """A member, another class, or a name, is no enum of weights."""
    with pytest.raises(WeightsDeclarationError, match="subclass of dapi.Weights"):
        register_model(weights=weights)


@pytest.mark.parametrize(
    "declared", [{"head": 3}, {"head": ["fc", 3]}, {"legacy": "pretrained"}], ids=str
)
def test_declaration_of_wrong_types_is_refused(declared):
    """When it is made, and not at the first call that needs it."""
    with pytest.raises(WeightsDeclarationError, match=f"{next(iter(declared))}=.*Expected a"):
        register_model(name="made", **declared)(lambda *, weights=None: None)


def test_backbone_is_not_fetched_when_weights_are_given(tmp_path):
    """The backbone's weights would be overwritten: they are dropped."""
    torch = pytest.importorskip("torch")
    path = tmp_path / "net.pth"
    torch.save(torch.nn.Linear(1, 1).state_dict(), path)
    seen = []

    @register_model(weights=NetWeights)
    def detector(*, weights=None, weights_backbone=None, progress=True):
        seen.append(weights_backbone)
        return torch.nn.Linear(1, 1)

    detector(weights=WeightEntry.from_file(path), weights_backbone=NetWeights.Digits_RefV1)
    detector(weights_backbone=NetWeights.Digits_RefV1)
    assert [None, NetWeights.Digits_RefV1] == seen


def test_random_backbone_is_told_once(tmp_path):
    """Without weights of either kind; not to who says so, nor where nothing is initialized."""
    torch = pytest.importorskip("torch")
    path = tmp_path / "net.pth"
    torch.save(torch.nn.Linear(1, 1).state_dict(), path)
    old = LegacyArgument("pretrained_backbone", {True: NetWeights.Digits_RefV2}, "weights_backbone")

    @register_model(weights=NetWeights, legacy=old)
    def detector(*, weights=None, weights_backbone=None, progress=True):
        return torch.nn.Linear(1, 1)

    detector(weights_backbone=None)
    detector(device="meta")
    detector(weights=WeightEntry.from_file(path))
    with pytest.warns(RandomBackboneWarning) as said:
        detector()
        detector()

    [text] = [str(each.message) for each in said]
    assert "detector starts with a random backbone" in text
    assert "detector(weights_backbone=NetWeights.Digits_RefV2)" in text
    assert "detector(weights_backbone=None)" in text


def test_replaced_builder_warns_once(net):
    """A builder that another of its module supersedes says so, once."""

    @register_model(replaces="net")
    def net_v2(*, weights=None):
        return "v2"

    with pytest.warns(ReplacedBuilderWarning, match="net was replaced by net_v2") as caught:
        net()
        net()
    assert 1 == len(caught)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "v2" == net_v2()


def test_two_builders_of_one_name_are_refused(net):
    """One module gives a name once."""
    with pytest.raises(DuplicateModelError, match="'net'"):

        @register_model(name="net")
        def another(*, weights=None): ...


def test_cell_that_is_run_again_replaces_its_builder():
    """Defining the same function again, as in a notebook, is no conflict."""
    for result in (1, 2):

        @register_model()
        def cell(*, weights=None):
            return result  # noqa: B023

    assert 2 == dapi.get_builder("cell")()


def test_name_must_be_a_name():
    """A model's name follows the grammar of names."""
    with pytest.raises(InvalidNameError):
        register_model(name="a/b")(lambda *, weights=None: None)


@pytest.mark.parametrize(
    "function", [lambda **config: None, lambda weights=None: None], ids=["absent", "positional"]
)
def test_builder_takes_weights_by_keyword(function):
    """A builder without a keyword-only ``weights`` is no builder."""
    function.__name__ = "net"
    with pytest.raises(WeightsDeclarationError, match="keyword-only"):
        register_model()(function)


def test_class_is_no_builder():
    """Who decorates the module itself is told to write a function."""
    with pytest.raises(WeightsDeclarationError, match="is not a function.*def net"):

        @register_model()
        class Net:
            def __init__(self, *, weights=None):
                self.weights = weights


def test_get_model_takes_latest_of_the_own_enum(net, monkeypatch):
    """By name: LATEST, a member, its name, None, or with the weights in the name."""
    pytest.importorskip("torch")
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    assert {"weights": None, "weights_backbone": None, "a": 1} == dapi.get_model(
        "net", weights=None, a=1
    )
    for call in (
        lambda: dapi.get_model("net"),
        lambda: dapi.get_model("net", weights=NetWeights.Digits_RefV2),
        lambda: dapi.get_model("net", weights="Digits_RefV2"),
        lambda: dapi.get_model("net:Digits_RefV2"),
    ):
        with pytest.raises(OSError, match="https://example.org/2.pth"):
            call()
    with pytest.raises(UnknownWeightsError, match="Digits_RefV2"):
        dapi.get_model("net", weights="Digits_RefV3")
    for wrong in ("", "/tmp/net.pth", "NetWeights.Digits_RefV2"):
        with pytest.raises(UnknownWeightsError, match="Digits_RefV2"):
            dapi.get_model("net", weights=wrong)
    with pytest.raises(UnknownWeightsError, match=r"WeightEntry.from_file\('/tmp/net.pth'\)"):
        dapi.get_model("net", weights="/tmp/net.pth")
    for named in ("net:Digits_RefV2", NetWeights.Digits_RefV2):
        with pytest.raises(NoWeightsError, match="already names weights"):
            dapi.get_model(named, weights=None)


def test_get_model_takes_an_argument_of_the_past_for_the_weights(net, monkeypatch):
    """``pretrained=False`` means no weights, by name too, and not the latest that a name means."""
    pytest.importorskip("torch")
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    with pytest.warns(LegacyArgumentWarning, match=r"Write net\(weights=None\)"):
        assert dapi.get_model("net", pretrained=False)["weights"] is None
    with (
        pytest.warns(LegacyArgumentWarning),
        pytest.warns(OutdatedWeightsWarning),
        pytest.raises(OSError, match="https://example.org/1.pth"),
    ):
        dapi.get_model("net", pretrained=True)
    with (
        pytest.warns(LegacyArgumentWarning, match="weights_backbone"),
        pytest.raises(OSError, match="https://example.org/2.pth"),
    ):
        dapi.get_model("net", pretrained_backbone=True)
    with pytest.raises(LegacyConflictError):
        dapi.get_model("net:Digits_RefV2", pretrained=False)


class Narrow:
    """A constructor with one argument."""

    def __init__(self, size=1):
        self.size = size


@pytest.mark.parametrize("weights", [None, NetWeights.Digits_RefV2])
@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("pretrained", r"narrow\(weights=...\).*dapi.get_model\('narrow'\).*weights=None"),
        ("depth", "Available: .*dtype.*weights. Other arguments are passed to Narrow."),
    ],
)
def test_argument_that_a_constructor_refuses_is_told_of_the_builder(argument, text, weights):
    """Not with the words of a constructor that the caller never called."""
    pytest.importorskip("torch")

    @register_model(weights=NetWeights)
    def narrow(*, weights=None, progress=True, **config):
        return Narrow(**config)

    with pytest.raises(UnexpectedArgumentError, match=f"narrow.*'{argument}'.*{text}") as caught:
        narrow(weights=weights, **{argument: True})
    assert isinstance(caught.value.__cause__, TypeError)
    assert 3 == narrow(size=3).size


def test_argument_that_python_suggests_a_name_for_is_the_one_that_was_given():
    """Since Python 3.13 the constructor's own words end in the nearest name."""

    @register_model(name="narrow")
    def build(*, weights=None, **config):
        raise TypeError("Narrow.__init__() got an unexpected keyword argument 'sizes'. "
                        "Did you mean 'size'?")  # fmt: skip

    with pytest.raises(UnexpectedArgumentError, match="no argument 'sizes'") as caught:
        build(sizes=3, size=2)
    assert ("sizes", "Narrow") == (caught.value.argument, caught.value.constructor)


def test_argument_that_a_builder_without_config_lacks_is_told():
    """A function that takes no others says what it has."""

    @register_model()
    def fixed(*, weights=None, size=1):
        return size

    with pytest.raises(UnexpectedArgumentError, match="Available: .*size, weights.$"):
        fixed(color="red")


def test_type_error_of_a_constructor_itself_stays():
    """What the builder's own code does wrong is no fault of the caller's arguments."""

    @register_model()
    def broken(*, weights=None, size=1):
        return Narrow(length=size)

    with pytest.raises(TypeError, match="'length'") as caught:
        broken(size=2)
    assert not isinstance(caught.value, UnexpectedArgumentError)


def test_get_model_without_published_weights_says_so():
    """A builder without weights is built with weights=None."""

    @register_model()
    def bare(*, weights=None):
        return "bare"

    with pytest.raises(NoWeightsError, match="weights=None"):
        dapi.get_model("bare")
    assert "bare" == dapi.get_model("bare", weights=None)


def test_local_checkpoint_and_notebook_builder_work_like_published_ones(tmp_path):
    """A builder that is decorated here loads a file from this disk, by name."""
    torch = pytest.importorskip("torch")
    path = tmp_path / "mine.pth"
    torch.save(torch.nn.Linear(2, 3).state_dict(), path)

    @register_model(head=())
    def mine(*, weights=None, progress=True, **config):
        return torch.nn.Linear(2, **config)

    entry = WeightEntry.from_file(path, build=Build(config={"out_features": 3}))
    model = dapi.get_model("mine", weights=entry)
    assert entry == dapi.weights_of(model)
    assert torch.equal(entry.state_dict()["weight"], model.weight)


def test_decorator_without_parentheses_is_refused_in_words():
    """It would take the function for an argument."""
    with pytest.raises(WeightsDeclarationError, match=r"Write @register_model\(\)"):

        @register_model
        def net(*, weights=None): ...


def test_builder_that_declares_categories_gets_those_of_the_weights(tmp_path):
    """Unless its head is new, or the caller names them; another builder is told nothing."""
    torch = pytest.importorskip("torch")
    given = []

    class Net(torch.nn.Module):
        def __init__(self, num_labels):
            super().__init__()
            self.head = torch.nn.Linear(1, num_labels)

    torch.save(Net(2).state_dict(), tmp_path / "net.pth")
    entry = WeightEntry.from_file(
        tmp_path / "net.pth",
        meta={"categories": ["a", "b"]},
        build=Build(config={"num_labels": 2}),
    )

    @register_model(head="head")
    def named(*, weights=None, progress=True, num_labels=None, categories=None):
        given.append((num_labels, categories))
        return Net(num_labels or len(categories))

    @register_model()
    def unnamed(*, weights=None, progress=True, num_labels=2):
        return Net(num_labels)

    named(weights=entry)
    named(weights=entry, categories=("c", "d"))
    named(weights=entry, num_labels=3, new_head=True)
    named(weights=entry, categories=("e",), new_head=True)
    named(weights=None, num_labels=2)
    renewed = named(weights=entry, num_labels=3, new_head=True)
    assert "categories" not in dapi.weights_of(renewed).meta
    assert ("a", "b") == dapi.weights_of(named(weights=entry)).meta["categories"]
    unnamed(weights=entry)
    expected = [(2, ("a", "b")), (2, ("c", "d")), (3, None), (None, ("e",)), (2, None)]
    assert expected == list(dict.fromkeys(given))  # a new head is constructed twice
    with pytest.raises(ConfigConflictError, match=r"num_labels=3 .* num_labels=2.*new_head=True"):
        named(weights=entry, categories=("c", "d", "e"))
