"""Construction: parameters without memory, and the plain way wherever that is not the same.

The numbers in brackets are those of the pitfalls that other loaders were seen to fall into.
"""

import copy
import gc
import logging
import os
import signal
import threading
import warnings
import weakref
import zipfile
from contextlib import contextmanager
from functools import wraps

import pytest

import dapi
from dapi import WeightEntry, _store
from dapi._loader import collector, construction
from dapi.exceptions import FetchError, StateDictMismatchError

torch = pytest.importorskip("torch")
nn = torch.nn


class Net(nn.Module):
    """A buffer outside the file, a frozen and a shared parameter, an optimizer."""

    def __init__(self, width=8):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)
        self.last = nn.Linear(width, width)
        self.last.weight = self.first.weight
        self.first.bias.requires_grad_(False)
        self.register_buffer("steps", torch.arange(width) * 0.5, persistent=False)
        self.optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        self.first.weight.tag = "no decay"

    def forward(self, images):
        return self.last(self.norm(self.first(images)) + self.steps)


@pytest.fixture(autouse=True)
def plain():
    """List what the log says of models that were built in the plain way."""
    said = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("dapi")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield said
    logger.removeHandler(handler)
    logger.setLevel(level)


def filled(model):
    """Fill a model with what no constructor would."""
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            if tensor.is_floating_point():
                tensor.uniform_(0.1, 1)
    return model


def cached(path, **fields):
    """Put a file into the cache, where it is mapped, and describe it."""
    local = WeightEntry.from_file(path)
    entry = WeightEntry(f"https://localhost:1/{path.name}", sha256=local.sha256, **fields)
    _store.add(path, entry.files[0], wanted=path.name)
    return entry


@pytest.fixture
def publish(tmp_path):
    """Write a state dict to a file, and put that into the cache."""

    def write(state, **fields):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.pth"
        torch.save(state, path)
        return cached(path, **fields)

    return write


def build(constructor, publish, **options):
    state = filled(constructor()).state_dict()
    expected = constructor()
    expected.load_state_dict(state)
    return expected, dapi.build_model(constructor, weights=publish(state), **options)


def test_nothing_is_initialised(publish, monkeypatch):
    """What the file overwrites is never filled with random numbers [3]."""
    filled_sizes = []
    original = nn.init.kaiming_uniform_
    monkeypatch.setattr(
        nn.init,
        "kaiming_uniform_",
        lambda tensor, *rest, **more: (
            filled_sizes.append(tensor.is_meta) or original(tensor, *rest, **more)
        ),
    )
    entry = publish(Net().state_dict())
    filled_sizes.clear()
    dapi.build_model(Net, weights=entry)

    assert [True, True] == filled_sizes


def test_identity_ties_flags_and_buffers_are_kept(publish, plain):
    """Parameters stay the objects that the constructor made [4, 5, 7, 10]."""
    expected, found = build(Net, publish)

    assert not plain
    assert found.first.weight is found.last.weight
    assert "no decay" == found.first.weight.tag
    assert not found.first.bias.requires_grad
    held = {id(each) for group in found.optimizer.param_groups for each in group["params"]}
    assert held == {id(each) for each in found.parameters()}
    assert torch.equal(torch.arange(8) * 0.5, found.steps)
    images = torch.rand(3, 8)
    assert torch.equal(expected(images), found(images))


def test_optimizer_of_a_constructor_trains_the_model(publish):
    """What it steps is what the model uses, and the published file stays as it is [7, 8, 10]."""
    expected, found = build(Net, publish)
    path = found._dapi_provenance.weights.fetch()
    content = path.read_bytes()
    for model in (expected, found):
        model(torch.ones(3, 8)).sum().backward()
        model.optimizer.step()

    assert torch.equal(expected.first.weight, found.first.weight)
    assert content == path.read_bytes()


class Hidden(Net):
    """Keeps a tensor that it derived from a parameter, outside all modules."""

    def __init__(self):
        super().__init__()
        self.kept = {"scale": [self.first.weight.sum(dim=0)]}


class Measured(Net):
    """Runs a forward while it is constructed."""

    def __init__(self):
        super().__init__()
        self.width = int(self(torch.ones(2, 8)).isfinite().sum())


class Hooked(Net):
    """Registers a hook on a parameter."""

    def __init__(self):
        super().__init__()
        self.first.weight.register_hook(lambda gradient: gradient * 2)


class Replacing(Net):
    """Replaces a module while it is loaded, as MNASNet does for its first version."""

    def _load_from_state_dict(self, *rest):
        self.norm = nn.BatchNorm1d(8)
        super()._load_from_state_dict(*rest)


class Asking(Net):
    """Asks a parameter where it is, and keeps the answer."""

    def __init__(self):
        super().__init__()
        self.kept = {"device": self.first.weight.device}

    def forward(self, images):
        return super().forward(images.to(self.kept["device"]))


class Noted(Net):
    """Keeps what it derived from parameters on a parameter, and on a function."""

    def __init__(self):
        super().__init__()
        self.last.bias.scale = self.first.weight.sum()

        def scaled(images):
            return images * scaled.scale

        scaled.scale = self.first.bias.sum()
        self.scaled = scaled


class Weak(Net):
    """Refers to a parameter weakly."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(8))
        self.reference = weakref.ref(self.weight)
        self.other = nn.Module()
        self.other.weight = self.weight


class Graded(Net):
    """Has a gradient from the beginning."""

    def __init__(self):
        super().__init__()
        self.first.weight.grad = torch.ones(8, 8)


@pytest.mark.parametrize(
    "constructor", [Hidden, Measured, Hooked, Replacing, Asking, Noted, Graded]
)
def test_what_needs_values_is_built_in_the_plain_way(constructor, publish, plain):
    """A forward, a derived tensor, a hook, a replaced module: the result is the same [3, 14]."""
    expected, found = build(constructor, publish)

    assert 1 == len(plain)
    assert list(expected.state_dict()) == list(found.state_dict())
    images = torch.ones(2, 8)
    assert torch.equal(expected(images), found(images))
    assert not any(each.is_meta for each in [*found.parameters(), *found.buffers()])


class Borrowing(nn.Module):
    """Holds a parameter that somebody else made."""

    def __init__(self, borrowed):
        super().__init__()
        self.borrowed = borrowed
        self.size = float(borrowed.detach().sum())
        self.own = nn.Linear(2, 2)


def test_parameters_of_the_caller_are_left_to_it(publish, plain):
    """They keep their memory: they get the file's values by a copy, or, if it fails, none."""
    borrowed = nn.Parameter(torch.full((2, 2), 5.0))
    state = filled(Borrowing(nn.Parameter(torch.ones(2, 2)))).state_dict()
    with pytest.raises(StateDictMismatchError):
        dapi.build_model(Borrowing, borrowed, weights=publish({**state, "more": torch.ones(1)}))
    assert borrowed.is_cpu
    dapi.build_model(Borrowing, borrowed, device="meta")
    assert borrowed.is_cpu
    memory = borrowed.data_ptr()

    found = dapi.build_model(Borrowing, borrowed, weights=publish(state))

    assert not plain
    assert found.borrowed is borrowed and memory == borrowed.data_ptr()
    assert torch.equal(state["borrowed"], borrowed)


def test_gaps_between_rows_are_kept(publish):
    """A parameter that is a part of a larger tensor stays laid out as one [7]."""

    class Part(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.rand(4, 8)[:, :4])

    expected, found = build(Part, publish)

    assert (8, 1) == expected.weight.stride() == found.weight.stride()
    assert torch.equal(expected.weight, found.weight)


class Averaged(nn.Module):
    """Keeps a moving average of its weights: a buffer that is made of a parameter."""

    def __init__(self):
        super().__init__()
        self.now = nn.Linear(4, 4)
        self.register_buffer("average", self.now.weight.detach().clone())


def test_buffer_that_is_made_of_a_parameter_keeps_its_own_type(publish, plain):
    """It is copied into, as torch does, and does not become what the file has."""
    halves = {key: each.half() for key, each in filled(Averaged()).state_dict().items()}
    found = dapi.build_model(Averaged, weights=publish(halves))

    assert 1 == len(plain)
    assert torch.float32 == found.average.dtype
    assert torch.equal(halves["average"].float(), found.average)


class Pair(nn.Module):
    """Two parameters."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)


class Overlaid(Pair):
    """Two parameters over one memory."""

    def __init__(self):
        super().__init__()
        self.other.weight.data = self.one.weight.data


class Made(Pair):
    """The same, both made of one tensor, which a buffer and a list hold too."""

    def __init__(self):
        super().__init__()
        values = torch.rand(4, 4)
        self.one.weight, self.other.weight = nn.Parameter(values), nn.Parameter(values)
        self.register_buffer("held", values, persistent=False)
        self.kept = [values]


@pytest.mark.parametrize("constructor", [Overlaid, Made])
def test_memory_that_a_constructor_shares_stays_shared(constructor, publish):
    """What is written to one parameter is seen through the other [5, 14]."""
    expected, found = build(constructor, publish)

    assert torch.equal(expected.one.weight, found.one.weight)
    shared = [found.one.weight, found.other.weight, *found.buffers(), *getattr(found, "kept", [])]
    assert 1 == len({each.data_ptr() for each in shared})


def test_weak_references_stay_valid(publish):
    """They lead to the parameter that the model uses."""
    expected, found = build(Weak, publish)

    assert found.reference() is found.weight is found.other.weight
    assert torch.equal(expected.weight, found.weight)


@pytest.mark.parametrize("has_private", [True, False])
def test_parameters_are_those_of_torch(has_private, publish, plain, monkeypatch):
    """Each can get other sizes and types, and be copied; also where torch has no private names."""
    if not has_private:
        monkeypatch.delattr(torch._C, "_swap_tensor_impl")
        monkeypatch.delattr(torch._C, "_storage_Use_Count")
    expected, found = build(Net, publish)

    assert len(plain) == (not has_private)
    for model in (expected, found):
        assert type(model.first.weight) is nn.Parameter and model.first.weight.is_leaf
        assert copy.deepcopy(model).first.weight is not model.first.weight
        model.half()
        with torch.no_grad():
            model.first.weight.set_(torch.ones(3).half())
        model.first.weight.sum().backward()
        assert [1, 1, 1] == model.first.weight.grad.tolist()


class Initialised(nn.Module):
    """Initializes by every function, also by keyword, and refuses what does not suit."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(2, 2)), nn.Parameter(torch.empty(2))
        self.register_buffer("ones", nn.init.ones_(tensor=torch.empty(2)), persistent=False)
        returned = [nn.init.zeros_(tensor=self.weight), nn.init.constant_(self.weight, 3)]
        returned += [nn.init.normal_(self.weight), nn.init.uniform_(self.weight, a=1, b=2)]
        self.is_returned = all(each is self.weight for each in returned)
        try:
            nn.init.xavier_uniform_(self.bias)
        except ValueError as cause:
            self.reason = str(cause)


def test_functions_that_initialise_return_and_refuse_as_ever(publish, plain):
    """They fill nothing on meta, and only that is different."""
    expected, found = build(Initialised, publish)

    assert not plain
    assert [1, 1] == found.ones.tolist()
    assert (True, expected.reason) == (found.is_returned, found.reason)
    assert torch.equal(expected.weight, found.weight)


@pytest.mark.parametrize("is_zip", [True, False])
def test_memory_that_a_file_shares_is_not_shared_by_the_model(is_zip, publish, tmp_path):
    """A file of tied or overlapping tensors: a step on one parameter leaves the others alone."""
    whole = torch.rand(8, 4)
    overlapping = {"one.weight": whole[:4], "other.weight": whole[2:6]}
    for state in (overlapping, dict.fromkeys(overlapping, whole[:4].clone())):
        path = tmp_path / "shared.pth"
        torch.save(state, path, _use_new_zipfile_serialization=is_zip)
        found = dapi.build_model(Pair, weights=cached(path))
        with torch.no_grad():
            found.one.weight.zero_()

        assert torch.equal(state["other.weight"], found.other.weight)
        assert 4 * 4 * 4 == found.one.weight.untyped_storage().nbytes()


def test_parameters_are_aligned_wherever_a_zip_has_them(publish, tmp_path):
    """Who packs a checkpoint anew drops the padding; kernels then round differently [2]."""
    entry = publish(filled(nn.Linear(64, 64)).state_dict())
    path = tmp_path / "packed.pth"
    with zipfile.ZipFile(entry.fetch()) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    packed = cached(path)
    assert any(each.data_ptr() % 64 for each in packed.state_dict().values())

    found = dapi.build_model(nn.Linear, 64, 64, weights=packed)

    assert all(each.data_ptr() % 64 == 0 for each in found.parameters())
    assert torch.equal(entry.state_dict()["weight"], found.weight)


def test_recurrent_layers_work(publish, plain):
    """They hold weak references to their parameters, and lists of them."""
    expected, found = build(lambda: nn.Sequential(nn.Linear(4, 4), nn.LSTM(4, 3)), publish)

    assert not plain
    assert all(a is b for a, b in zip(found[1]._flat_weights, found[1].parameters(), strict=True))
    images = torch.rand(2, 4)
    assert torch.equal(expected(images)[0], found(images)[0])


def test_layout_of_the_model_is_kept(publish):
    """channels_last stays what the constructor made it, whatever the file has [7]."""
    expected, found = build(
        lambda: nn.Conv2d(4, 8, 3).to(memory_format=torch.channels_last), publish
    )

    assert expected.weight.stride() == found.weight.stride()
    assert torch.equal(expected.weight, found.weight)


def test_buffer_that_was_saved_as_a_parameter_stays_a_buffer(publish):
    """Assigned as it is, it would become a parameter [11]."""
    state = dict(Net().state_dict())
    state["norm.running_mean"] = nn.Parameter(state["norm.running_mean"] + 1)
    found = dapi.build_model(Net, weights=publish(state))

    assert len(list(Net().parameters())) == len(list(found.parameters()))
    assert torch.equal(state["norm.running_mean"].data, found.norm.running_mean)
    assert not found.norm.running_mean.requires_grad


def test_builder_inside_a_builder_is_loaded_once(publish, plain):
    """A detector that builds its backbone with weights constructs it as ever [12]."""
    inner = publish(filled(nn.Linear(8, 8)).state_dict())
    built = []

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = dapi.build_model(nn.Linear, 8, 8, weights=inner)
            self.total = self.body.weight.sum().item()
            self.head = nn.Linear(8, 2)
            built.append(self)

    entry = publish(filled(Outer()).state_dict())
    built.clear()
    found = dapi.build_model(Outer, weights=entry)

    assert (1, []) == (len(built), plain)
    assert found.total == pytest.approx(inner.state_dict()["weight"].sum().item())
    assert all(torch.equal(v, found.state_dict()[k]) for k, v in entry.state_dict().items())


def test_new_head_is_initialised_by_its_constructor(publish, plain):
    """Only the head gets values; the rest is not initialized even then [6, 15]."""
    entry = publish(filled(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))).state_dict())

    def construct(classes=2):
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, classes))
        nn.init.constant_(model[1].bias, 7.0)
        return model

    found = dapi.build_model(construct, weights=entry, head=("1",), new_head=True, classes=3)

    assert not plain
    assert [7.0] * 3 == found[1].bias.tolist()
    assert 0 < found[1].weight.std() < 1
    assert torch.equal(entry.state_dict()["0.weight"], found[0].weight)


def test_device_meta_constructs_without_loading(publish):
    """For a model that is loaded in shards: parameters on meta, buffers as constructed."""
    entry = publish(Net().state_dict())
    entry.fetch().unlink()
    found = dapi.build_model(Net, weights=entry, device="meta")

    assert all(each.is_meta for each in found.parameters())
    assert torch.equal(torch.arange(8) * 0.5, found.steps)


@pytest.mark.parametrize("is_published", [True, False])
def test_device_meta_takes_a_type(publish, is_published):
    """A model that is loaded in shards has the type that its caller asked for."""
    weights = publish(Net().state_dict()) if is_published else None
    found = dapi.build_model(Net, weights=weights, device="meta", dtype="float16")

    assert {torch.float16} == {each.dtype for each in found.parameters()}
    assert (torch.float16, "cpu") == (found.steps.dtype, found.steps.device.type)


def test_device_meta_serves_constructors_that_need_values(publish):
    """A constructor that fails without values runs in the plain way; then they are dropped."""
    entry = publish(Measured().state_dict())
    found = dapi.build_model(Measured, weights=entry, device="meta")

    assert all(each.is_meta for each in found.parameters())
    assert 16 == found.width


@pytest.fixture(params=["context", "default"])
def on_meta(request):
    """Make meta the default device, in one of torch's two ways."""

    @contextmanager
    def enter():
        if request.param == "context":
            with torch.device("meta"):
                yield
            return
        torch.set_default_device("meta")
        try:
            yield
        finally:
            torch.set_default_device(None)

    return enter


UNREACHABLE = WeightEntry("https://localhost:1/net.pth", sha256="0" * 64)


@pytest.mark.parametrize("constructor", [Net, Measured])
def test_meta_as_default_device_is_as_if_it_were_given(on_meta, constructor):
    """Nothing is fetched; buffers are as constructed, which fails where torch has no values."""
    given = dapi.build_model(constructor, weights=UNREACHABLE, device="meta")
    with on_meta():
        found = dapi.build_model(constructor, weights=UNREACHABLE)

    assert all(each.is_meta for each in found.parameters())
    described = [
        {name: (each.device, each.shape) for name, each in model.named_buffers()}
        for model in (given, found)
    ]
    assert described[0] == described[1]


def test_without_weights_a_default_device_is_torch_s_own(on_meta):
    """All of the model is there, as without dapi."""
    with on_meta():
        found = dapi.build_model(Net)

    assert all(each.is_meta for each in [*found.parameters(), *found.buffers()])


def test_given_device_counts_under_another_default(on_meta, publish):
    """An explicit device takes precedence."""
    entry = publish(Net().state_dict())
    with on_meta():
        found = dapi.build_model(nn.Linear, 8, 8, weights=None, device="meta")
        assert entry.state_dict()["first.weight"].is_cpu

    assert found.weight.is_meta


@pytest.mark.parametrize("constructor", [Net, Measured])
def test_given_device_counts_where_meta_is_the_default(on_meta, publish, constructor):
    """A model that is loaded, or wanted elsewhere, has values."""
    entry = publish(constructor().state_dict())
    expected = entry.state_dict()
    with on_meta():
        found = dapi.build_model(constructor, weights=entry, device="cpu").state_dict()
        random = dapi.build_model(constructor, device="cpu")

    assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert not any(each.is_meta for each in random.parameters())


class Detector(nn.Module):
    """Has a backbone with weights, and may need values in it."""

    def __init__(self, is_measured):
        super().__init__()
        self.backbone = dapi.build_model(nn.Linear, 8, 8, weights=UNREACHABLE)
        if is_measured:
            self.width = int(self.backbone(torch.zeros(1, 8)).isfinite().sum())


@pytest.mark.parametrize("is_measured", [False, True])
@pytest.mark.parametrize("weights", [UNREACHABLE, None])
def test_device_meta_fetches_no_part_of_a_model(is_measured, weights):
    """The weights of a backbone are loaded as little as the model's own."""
    found = dapi.build_model(Detector, is_measured, weights=weights, device="meta")

    assert found.backbone.weight.is_meta
    assert UNREACHABLE == dapi.weights_of(found.backbone)
    with pytest.raises(FetchError, match="localhost"):  # it was on meta only for that call
        Detector(is_measured)


def test_dtype_is_as_casting_after_loading(publish):
    """Whatever the file has; by default the model's own type is kept [7]."""
    halves = {key: each.half() for key, each in nn.Linear(3, 3).state_dict().items()}
    doubles = {key: each.double() / 3 for key, each in nn.Linear(3, 3).state_dict().items()}
    for state in (halves, doubles):
        entry = publish(state)
        for dtype in (None, torch.float16, torch.float64, torch.bfloat16):
            expected = nn.Linear(3, 3)
            expected.load_state_dict(state)
            expected.to(dtype=dtype)
            found = dapi.build_model(nn.Linear, 3, 3, weights=entry, dtype=dtype)
            assert expected.weight.dtype == found.weight.dtype
            assert torch.equal(expected.weight, found.weight)
    assert torch.float64 == dapi.build_model(nn.Linear, 3, 3, dtype=torch.float64).weight.dtype


def test_module_that_is_not_cast_keeps_its_type(publish):
    """As a norm that stays precise when the model is cast."""

    class Precise(nn.LayerNorm):
        def _apply(self, function, recurse=True):
            return self

    state = filled(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))).state_dict()
    found = dapi.build_model(
        lambda: nn.Sequential(nn.Linear(4, 4), Precise(4)),
        weights=publish(state),
        dtype=torch.bfloat16,
    )

    assert [torch.bfloat16] * 2 + [torch.float32] * 2 == [p.dtype for p in found.parameters()]
    assert torch.equal(state["1.weight"], found[1].weight)


def test_other_threads_construct_as_ever():
    """The patch is felt by one thread only, and is gone afterwards."""
    original = nn.Parameter.__new__, torch.Tensor.normal_
    seen = []
    with construction.deferred():
        thread = threading.Thread(target=lambda: seen.append(nn.Linear(2, 2).weight.is_meta))
        thread.start()
        thread.join()
        seen.append(nn.Linear(2, 2).weight.is_meta)

    assert [False, True] == seen
    assert original == (nn.Parameter.__new__, torch.Tensor.normal_)


def test_patches_of_others_are_left_in_place():
    """Who wraps the same method meanwhile finds the wrapper where it was put."""
    with construction.deferred():
        ours = torch.Tensor.uniform_

        @wraps(ours)
        def theirs(*args, **options):
            return ours(*args, **options)

        torch.Tensor.uniform_ = theirs
    try:
        assert torch.Tensor.uniform_ is theirs
        assert not nn.Linear(2, 2).weight.is_meta
    finally:
        del torch.Tensor.uniform_  # torch's own is inherited


def test_method_that_torch_no_longer_has_leaves_no_patch(publish, plain, monkeypatch):
    """The model is built in the plain way, and what was patched before that is undone."""
    entry = publish(Net().state_dict())
    methods = {name: getattr(torch.Tensor, name) for name in ("clamp_", "normal_", "uniform_")}
    made = nn.Parameter.__new__

    class Dropped:
        def __get__(self, tensor, kind):
            raise AttributeError("erfinv_ is no longer there")

    monkeypatch.setattr(torch.Tensor, "erfinv_", Dropped(), raising=False)

    dapi.build_model(Net, weights=entry)

    assert ["erfinv_" in said for said in plain] == [True]
    assert made is nn.Parameter.__new__
    assert methods == {name: getattr(torch.Tensor, name) for name in methods}
    assert not nn.Linear(2, 2).weight.is_meta


def test_numbers_are_drawn_where_there_is_memory():
    """A constructor that draws numbers into a buffer gets them; only meta is skipped."""

    class Drawing(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("noise", torch.zeros(99).normal_().clamp_(-1, 1))
            self.weight = nn.Parameter(torch.empty(3).uniform_())
            nn.init.trunc_normal_(self.weight)

    torch.manual_seed(0)
    expected = torch.zeros(99).normal_().clamp_(-1, 1)
    torch.manual_seed(0)
    model, _ = construction.construct(Drawing)

    assert torch.equal(expected, model.noise)
    assert model.weight.is_meta
    assert not nn.Linear(2, 2).weight.is_meta


def test_collector_is_paused_and_resumed():
    """As it was before, on an exception and when nested too [1, 18]."""
    with pytest.raises(KeyError), collector.paused():
        with collector.paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_child_that_is_forked_meanwhile_is_as_ever():
    """While another thread builds: torch makes parameters, and garbage is collected, in the child.

    Where the thread that forks builds, its own building goes on.
    """

    def is_as_ever():
        layer = nn.Linear(2, 2)
        original = nn.Parameter.__new__.__module__ == "torch.nn.parameter"
        original = original and "fill_in" not in repr(torch.Tensor.normal_)
        return gc.isenabled() and not layer.weight.is_meta and original

    entered, leave = threading.Event(), threading.Event()

    def build():
        with collector.paused(), construction.deferred():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=build)
    thread.start()
    entered.wait()
    try:
        assert forked(is_as_ever)
        with collector.paused(), construction.deferred():
            assert forked(lambda: nn.Linear(2, 2).weight.is_meta and not gc.isenabled())
        assert not gc.isenabled()
    finally:
        leave.set()
        thread.join()
    assert is_as_ever()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_child_is_never_forked_with_a_change_half_made():
    """While other threads begin and end to build, every child can build too: no lock is held."""
    ended = threading.Event()

    def build():
        while not ended.is_set():
            with collector.paused(), construction.deferred():
                nn.Linear(2, 2)

    def can_build():
        with collector.paused(), construction.deferred():
            deferred = nn.Linear(2, 2).weight.is_meta
        return deferred and gc.isenabled() and not nn.Linear(2, 2).weight.is_meta

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert [True] * 20 == [forked(can_build) for _ in range(20)]
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def forked(holds):
    """Whether something holds in a child that is forked here; a child that hangs is killed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are other threads
        child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(20)
            code = 0 if holds() else 1
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def test_collector_rests_while_a_model_is_built(publish):
    """While it is constructed and while it is loaded, and not after [1]."""
    seen = []

    class Watching(nn.Linear):
        def __init__(self):
            super().__init__(2, 2)
            seen.append(gc.isenabled())

        def _load_from_state_dict(self, *rest):
            seen.append(gc.isenabled())
            super()._load_from_state_dict(*rest)

    dapi.build_model(Watching, weights=publish(nn.Linear(2, 2).state_dict()))

    assert [False, False] == seen
    assert gc.isenabled()


def test_copies_are_of_one_tensor_each(publish):
    """A mapped tensor is copied and pickled alone, without the rest of its file."""
    _, found = build(Net, publish)
    clone = copy.deepcopy(found)

    assert found.first.weight.untyped_storage().nbytes() == 8 * 8 * 4
    assert torch.equal(clone.first.weight, found.first.weight)
    assert clone.first.weight.data_ptr() != found.first.weight.data_ptr()


def test_what_torch_cannot_tell_is_built_in_the_plain_way(publish, plain, monkeypatch):
    """Without the count of who holds a memory, parameters are initialized as ever; the log says."""
    entry = publish(Net().state_dict())
    monkeypatch.delattr(torch._C, "_storage_Use_Count")

    found = dapi.build_model(Net, weights=entry)

    assert ["share memory" in said for said in plain] == [True]
    assert torch.equal(entry.state_dict()["first.weight"], found.first.weight)
