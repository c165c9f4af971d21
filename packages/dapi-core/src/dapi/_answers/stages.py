"""Stages: run a model once as its task does, and record the output of each stage.

The function of the task calls the transforms, the model and the postprocess of the weights. The
transforms and the postprocess are wrapped to record their outputs; modules have hooks that do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from time import process_time
from typing import TYPE_CHECKING, Any

from dapi._answers import leaves as _leaves
from dapi._answers import synthetic, tracing
from dapi._answers.leaves import Leaf
from dapi._answers.subject import Subject, UncheckedError
from dapi._catalog import files as _files
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import entry_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

# Limits of training by time and size; recorded stages are always compared.
_MOST_SECONDS = 5.0
_MOST_TRAINED = 1_000_000_000

_DRAWS = 2  # training steps to repeat if random numbers were drawn

_FEW = 16  # float32 scalars, such as a ratio of two sizes, do not make a model compute in float32

# Attributes of modules with a dropout rate.
_RATES = ("p", "dropout", "dropout_p", "drop_prob", "layer_drop", "layerdrop")


class _Finished(BaseException):
    """The last stage was recorded: the task's own formatting is not needed."""


class Run:
    """One run of a model on a sample.

    Raises:
        UncheckedError: There is no sample, or no installed distribution supports its task.
    """

    model: nn.Module
    dtype: torch.dtype

    def __init__(self, subject: Subject) -> None:
        self.subject, self.sample, self.task = subject, subject.sample(), subject.task()
        if self.task is None and self.sample.value is not None:
            name = subject.weights.meta.get("task")
            raise UncheckedError(f"No installed distribution supports the task {name!r}.")
        self.digest = sha256()
        self.stages: dict[str, list[Leaf]] = {"transforms": [], "inside": [], "model": []}
        self.omitted: dict[str, str] = {}
        self.call: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self.dropped: Counter[float] = Counter()
        self.is_inside = self.is_mixed = False

    def all_stages(self, model: nn.Module, dtype: torch.dtype) -> list[Leaf]:
        """Run a model of the subject, which computes in a dtype, then train it for a step."""
        import torch

        self.model, self.dtype = model, dtype
        for name, buffer in self.model.named_buffers():
            if name.rpartition(".")[2] not in synthetic.LEARNT_BUFFERS:
                self.digest.update(tracing.bytes_of(buffer))
        began = process_time()
        before = torch.get_rng_state()
        with suppress(_Finished), torch.inference_mode(), self._watched(), self._undropped():
            self._predict(self._noting(entry_of(self.subject.weights)))
        if not torch.equal(before, torch.get_rng_state()):
            raise UncheckedError("The model draws random numbers, so that no two runs are equal.")
        self._train(process_time() - began)
        self.stages["inside"] = tracing.thinned(self.stages["inside"])
        order = ("transforms", "inside", "model", "postprocess", "training")
        return [leaf for stage in order for leaf in self.stages.get(stage, ())]

    def _predict(self, entry: WeightEntry) -> None:
        """Run the model as its task does, or with the sample's arguments."""
        if self.sample.value is None:
            said = self.model(*entry.transforms()())
            if bool(entry.postprocess):
                entry.postprocess()(said)
            return
        self.task(self.model, entry).predict(self.sample.value)

    def _noting(self, entry: WeightEntry) -> WeightEntry:
        """Return the entry with transforms and a postprocess that record their outputs."""
        is_called = self.sample.value is None
        transforms = None if is_called else self._made("transforms", entry.transforms)
        if transforms is None and self.sample.prepared is None:
            raise UncheckedError("Its transforms need a file that is not in the cache.")
        noted = _Noted(transforms, self._transformed)
        fields: dict[str, Any] = {"transforms": lambda: noted}
        if bool(entry.postprocess):  # it may be undeclared
            ended = _Noted(self._made("postprocess", entry.postprocess), self._said)
            fields["postprocess"] = lambda: ended
        return replace(entry, **fields)

    def _made(self, stage: str, factory: Callable[..., Any]) -> Any:
        """Call a factory, unless it needs a file that is not in the cache."""
        files = list(_files.everything_in(getattr(factory, "assets", {})))
        if self.subject.is_synthetic:
            is_here = all(file.url.startswith("package:") for file in files)
        else:
            is_here = not _files.absent(files)
        if is_here:
            return factory()
        self.omitted[stage] = "it needs a file that is fetched"
        return None

    def _transformed(self, transforms: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the model's input: the transforms' output, small, and of the model's dtype."""
        if transforms is None:
            value = self.sample.prepared
        else:
            value = transforms(*args, **kwargs)
            self.stages["transforms"] = _leaves.describe("transforms", value)
        given = tracing.mapped(value, self._shrunk)
        for tensor in tracing.tensors(given):
            self.digest.update(tracing.bytes_of(tensor))
        self.is_inside = self.dtype.itemsize > 4
        return tracing.mapped(
            given, lambda each: each.to(self.dtype) if each.is_floating_point() else each
        )

    def _shrunk(self, tensor: Tensor) -> Tensor:
        crop = self.sample.crop
        if crop is None or tensor.ndim < 3 or not tensor.is_floating_point():
            return tensor
        return tensor[..., :crop, :crop]

    def _said(self, postprocess: Any, *args: Any, **kwargs: Any) -> Any:
        """Record what the postprocess makes of the output, in the dtype that it is used with."""
        import torch

        self.is_inside = False
        single, named = tracing.mapped(
            (args, kwargs), lambda each: each.float() if each.dtype == torch.float64 else each
        )
        if self.call is None:  # the model has a method of its own, such as ``generate``
            self.stages["model"] = _leaves.describe("model", args)
        if "postprocess" not in self.omitted:
            before = torch.get_rng_state()
            said = postprocess(*single, **named)
            if torch.equal(before, torch.get_rng_state()):
                self.stages["postprocess"] = _leaves.describe("postprocess", said)
            else:
                self.omitted["postprocess"] = "it draws random numbers"
                torch.set_rng_state(before)
        raise _Finished

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Record the outputs of the model and its inner modules, each on its first call."""
        seen: set[str] = set()

        def note(path: str, _module: nn.Module, _args: Any, output: Any) -> None:
            found = (each for each in tracing.tensors(output) if each.is_floating_point())
            first = None if path in seen else next(found, None)
            seen.add(path)
            if first is not None:
                leaves = _leaves.describe(f"model:{path}", first, _leaves.FEW)
                self.stages["inside"].extend(leaves)

        with ExitStack() as hooks:
            whole = self.model.register_forward_hook(self._whole, with_kwargs=True)
            hooks.callback(whole.remove)
            for path, module in tracing.inside(self.model):
                hooks.callback(module.register_forward_hook(partial(note, path)).remove)
            yield

    def _whole(self, _: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        if self.call is None:
            self.call = args, kwargs
            self.stages["model"] = _leaves.describe("model", output)

    @contextmanager
    def _undropped(self) -> Iterator[None]:
        """Disable dropout, and record the rates that were used."""
        self.dropped.clear()
        with ExitStack() as rates, tracing.calls(self._called):
            for module in self.model.modules():
                for rate in _RATES:
                    value = vars(module).get(rate)
                    if isinstance(value, float) and value:
                        self.dropped[value] += 1
                        rates.callback(setattr, module, rate, value)
                        setattr(module, rate, 0.0)
            yield

    def _called(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of torch, without dropout."""
        if "dropout" in getattr(function, "__name__", ""):
            self.dropped[float(kwargs.get("p", args[1] if len(args) > 1 else 0.5))] += 1
            return args[0] if args else kwargs["input"]
        if kwargs.get("dropout_p"):
            self.dropped[float(kwargs.pop("dropout_p"))] += 1
        result = function(*args, **kwargs)
        if self.is_inside and _is_floating(result) and any(map(_is_floating, args)):
            self.is_mixed |= result.dtype.itemsize == 4 and result.numel() > _FEW
        return result

    def _train(self, seconds: float) -> None:
        """Record the gradients of a training step, the buffers after it, and dropout rates."""
        import torch

        reason = self._why_untrained(seconds)
        if reason:
            self.omitted["training"] = reason
            return
        kept = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        before = torch.get_rng_state()
        leaves = self._step(kept)
        is_drawn = not torch.equal(before, torch.get_rng_state())
        for _ in range(_DRAWS if is_drawn else 0):  # the random numbers may not matter
            for name, buffer in self.model.named_buffers():
                buffer.copy_(kept[name])
            if self._step(kept) != leaves:
                self.omitted.setdefault("training", "it draws random numbers")
                break
        if "training" not in self.omitted:
            self.stages["training"] = leaves

    def _step(self, before: Mapping[str, Tensor]) -> list[Leaf]:
        """Train the model, whose buffers are known, for one step; if it cannot be, say so."""
        import torch

        assert self.call is not None
        model, (args, kwargs) = self.model.train(), tracing.mapped(self.call, tracing.twice)
        model.zero_grad()
        try:
            with torch.enable_grad(), self._undropped():
                loss = tracing.loss(model(*args, **kwargs))
                loss.backward()  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - it may want targets
            first = str(error).strip().partition("\n")[0][:100]
            self.omitted["training"] = f"it raised {type(error).__name__}: {first}"
            return []
        gradients = ((n, p.grad) for n, p in model.named_parameters() if p.grad is not None)
        return [
            {"at": "training:gradients", "norms": tracing.norms(gradients)},
            self._buffers(before),
            *_leaves.describe("training:dropout", [*map(list, sorted(self.dropped.items()))]),
        ]

    def _buffers(self, before: Mapping[str, Tensor]) -> Leaf:
        """Describe the buffers after a step, and list those that it did not change."""
        now = dict(self.model.named_buffers())
        groups = tracing.grouped(now)
        same = {name for name, each in now.items() if name in before and each.equal(before[name])}
        moved = {group for name, group in groups.items() if name not in same}
        still = sorted({*groups.values()} - moved)
        leaf = {"at": "training:buffers", "norms": tracing.norms(now.items())}
        return {**leaf, "still": still} if still else leaf

    def _why_untrained(self, seconds: float) -> str:
        if self.subject.trains is False:
            return "it was not recorded"
        if self.call is None:
            return "the model is used by a method of its own"
        if self.subject.trains:
            return ""
        if seconds > _MOST_SECONDS:
            return "it takes too long"
        size = sum(each.numel() * each.element_size() for each in self.model.parameters())
        return "it takes too much memory" if size > _MOST_TRAINED else ""


class _Noted:
    """Transforms or a postprocess whose result is recorded; other attributes are the original's."""

    def __init__(self, original: Any, note: Callable[..., Any]) -> None:
        self._original, self._note = original, note

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._note(self._original, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def _is_floating(value: Any) -> bool:
    return _leaves.is_tensor(value) and bool(value.is_floating_point())
