"""Construction without wasted initialization: parameters that a file will overwrite get no memory.

While a constructor runs, each parameter moves to the meta device when it is registered; buffers and
other values that the constructor computes stay real. Identity is kept: the file's tensor is placed
into the same Parameter object that the constructor made, so that ties between parameters, and
optimizers made in a constructor, stay valid.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import getweakrefs

from dapi._loader.holding import Holding
from dapi._loader.target import default_device
from dapi.exceptions import DapiError

if TYPE_CHECKING:
    from torch import Tensor, nn

M = TypeVar("M", bound="nn.Module")
T = TypeVar("T")

_log = logging.getLogger("dapi")


class CannotDeferError(Exception):
    """The model must be built in the plain way. Never leaves dapi."""


class Deferral:
    """The parameters that one constructor registered, in order.

    Attributes:
        keep: Positions of those that are initialized as ever.
        made: Identities of those that the constructor made; others are the caller's.
    """

    def __init__(self, keep: frozenset[int] = frozenset()) -> None:
        self.keep = keep
        self.made: set[int] = set()
        self._seen: dict[int, nn.Parameter] = {}
        self._devices: dict[int, Any] = {}

    def take(self, parameter: nn.Parameter) -> None:
        """Move a parameter to meta, unless the caller made it, it is kept, or it is not plain."""
        import torch

        key = id(parameter)
        if key in self._seen:
            return
        is_kept = len(self._seen) in self.keep or key not in self.made
        self._seen[key] = parameter
        if is_kept or type(parameter) is not torch.nn.Parameter or parameter.is_meta:
            return
        empty = torch.empty_like(parameter, device="meta", requires_grad=parameter.requires_grad)
        if _is_shared(parameter) or empty.stride() != parameter.stride():
            return  # it gets its values by a copy, which all that share the memory see
        self._devices[key] = parameter.device
        fill(parameter, empty)

    def device(self, parameter: nn.Parameter) -> Any:
        """Return the device on which the constructor created a parameter."""
        return self._devices.get(id(parameter)) or default_device()

    def positions(self, parameters: list[nn.Parameter]) -> frozenset[int]:
        """Return at which positions parameters were registered.

        Raises:
            CannotDeferError: One was not registered by the constructor, but copied from another.
        """
        places = {key: position for position, key in enumerate(self._seen)}
        try:
            return frozenset(places[id(parameter)] for parameter in parameters)
        except KeyError as cause:
            raise CannotDeferError("a parameter of the head was copied") from cause


def fill(parameter: nn.Parameter, tensor: Tensor) -> None:
    """Replace the tensor of a parameter in place: every reference to the parameter sees it.

    Args:
        parameter: The parameter.
        tensor: A tensor that nobody else uses, which requires a gradient if the parameter does.

    Raises:
        CannotDeferError: A hook on the parameter, or its gradient, would be lost.
    """
    import torch

    if parameter._backward_hooks or parameter._post_accumulate_grad_hooks:
        raise CannotDeferError("a parameter has hooks")
    if parameter.grad is not None:
        raise CannotDeferError("a parameter has a gradient")
    # The last step of swap_tensors is private, and takes a tenth of its time; the steps before it
    # matter only to a parameter that something else in torch, or a weak reference, refers to.
    swap = getattr(torch._C, "_swap_tensor_impl", None)
    if swap is not None and parameter._use_count() == 1 and not getweakrefs(parameter):  # type: ignore[attr-defined]
        swap(parameter, tensor)
        return
    other = torch.nn.Parameter(tensor, requires_grad=parameter.requires_grad)
    other.__dict__.update(parameter.__dict__)
    torch.utils.swap_tensors(parameter, other)  # type: ignore[no-untyped-call]


def _is_shared(parameter: nn.Parameter) -> bool:
    """Whether another tensor shares the memory, as far as torch can tell."""
    count = _count_of_holders()
    # The parameter, and the object that asks.
    return count is None or count(parameter.untyped_storage()._cdata) > 2


def _count_of_holders() -> Callable[[int], int] | None:
    import torch

    # Private, though torch's own compiler relies on it. Without it nothing is deferred: that is
    # slow, and right.
    return getattr(torch._C, "_storage_Use_Count", None)


_frames = threading.local()


@contextmanager
def deferred(keep: frozenset[int] = frozenset()) -> Iterator[Deferral]:
    """Move the parameters that this thread creates and registers in the block to meta."""
    frame = Deferral(keep)
    with watched_by(frame):
        yield frame


@contextmanager
def watched_by(frame: Deferral) -> Iterator[None]:
    """Let a frame take the parameters that this thread registers meanwhile."""
    import torch  # noqa: F401 - not while the patches are being made, when no thread can fork

    with _frame(frame), _patches.hold():
        yield


@contextmanager
def suspended() -> Iterator[None]:
    """Let constructors initialize as ever, in this thread, whatever is around."""
    with _frame(None):
        yield


@contextmanager
def _frame(frame: Deferral | None) -> Iterator[None]:
    outer = getattr(_frames, "top", None)
    _frames.top = frame
    try:
        yield
    finally:
        _frames.top = outer


# Functions that undo the hook and the patches below, in the order in which they were made.
_undoing: list[Callable[[], None]] = []


def _begin() -> None:
    """Observe the creation and registration of parameters, and skip filling those on meta.

    A documented hook reports registration. A TorchFunctionMode, which acts in one thread only,
    could do the rest, but it intercepts every call of torch: measured, constructing a resnet50 took
    twice as long with it as with these patches, and a ViT-L three times as long.
    """
    from torch import Tensor, nn
    from torch.nn.modules.module import register_module_parameter_registration_hook

    _undoing.append(register_module_parameter_registration_hook(_registering(nn.RNNBase)).remove)
    _patch(nn.Parameter, "__new__", _making)
    for name in ("clamp_", "erfinv_", "normal_", "uniform_"):
        _patch(Tensor, name, _filling)
    # Only functions that check no arguments: the others raise on a parameter that does not suit.
    for name in ("constant_", "normal_", "ones_", "uniform_", "zeros_"):
        _patch(nn.init, name, _filling)


def _patch(
    owner: type | ModuleType, name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    own, ours = vars(owner).get(name), change(getattr(owner, name))
    _undoing.append(partial(_put_back, owner, name, own, ours))
    setattr(owner, name, ours)


def _put_back(owner: type | ModuleType, name: str, own: Any, ours: Callable[..., Any]) -> None:
    if vars(owner).get(name) is not ours:
        return  # another patch wraps ours, which does nothing from now on
    if own is None:
        delattr(owner, name)  # it was inherited
    else:
        setattr(owner, name, own)


def _end() -> None:
    while _undoing:
        _undoing.pop()()


# The hook and the patches, for as long as any thread needs them.
_patches = Holding(_begin, _end)


def _filling(original: Callable[..., Any]) -> Callable[..., Any]:
    """Make what initializes do nothing on meta, where torch takes up to 0.5 ms for nothing."""

    @wraps(original)
    def fill_in(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        return tensor if tensor.is_meta else original(tensor, *args, **kwargs)

    return fill_in


def _making(original: Callable[..., nn.Parameter]) -> Callable[..., nn.Parameter]:
    @wraps(original)
    def make(*args: Any, **kwargs: Any) -> nn.Parameter:
        made = original(*args, **kwargs)
        frame: Deferral | None = getattr(_frames, "top", None)
        if frame is not None:
            frame.made.add(id(made))
        return made

    return make


def _registering(recurrent: type) -> Callable[..., None]:
    def registered(module: nn.Module, _name: str, parameter: nn.Parameter) -> None:
        frame: Deferral | None = getattr(_frames, "top", None)
        # A recurrent layer keeps weak references to its parameters, which prevent swapping them.
        if frame is not None and not isinstance(module, recurrent):
            frame.take(parameter)

    return registered


def emptied(model: M) -> M:
    """Move the parameters of a model whose constructor needed their values to meta."""
    from torch.nn import RNNBase

    frame = Deferral()
    for module in model.modules():
        if not isinstance(module, RNNBase):  # as above
            for parameter in module.parameters(recurse=False):
                frame.made.add(id(parameter))
                with suppress(CannotDeferError):  # one with hooks keeps its values
                    frame.take(parameter)
    return model


def attempt(deferred: Callable[[], T], name: str) -> T | None:
    """Return the model that is made without values; None if it must be made the plain way.

    The caller takes the plain way outside of the ``except`` block: inside it, Python before 3.12
    turns a duplicate argument into a KeyError, and every traceback shows two errors.

    Args:
        deferred: Makes the model.
        name: Its name, for the log: the plain way is slow, and nothing else reveals it.
    """
    try:
        return deferred()
    except DapiError:
        raise
    except Exception as cause:  # noqa: BLE001 - the plain way raises it again if it is not ours
        _log.debug("%s: %s, so the model is initialized before it is loaded", name, repr(cause))
        return None


def construct(
    make: Callable[[], M], *, fresh: Callable[[M], list[nn.Parameter]] | None = None
) -> tuple[M, Deferral]:
    """Construct a model with its parameters on meta.

    Args:
        make: Constructs the model; called a second time if some parameters must be initialized,
            since those are known only from the finished model.
        fresh: The names of the modules whose parameters are initialized.

    Raises:
        CannotDeferError: This PyTorch does not report what deferring needs to know.
    """
    if _count_of_holders() is None:
        raise CannotDeferError("this PyTorch does not report whether tensors share memory")
    model, frame = _attempt(make, frozenset())
    keep = frame.positions(fresh(model)) if fresh else frozenset()
    return _attempt(make, keep) if keep else (model, frame)


def _attempt(make: Callable[[], M], keep: frozenset[int]) -> tuple[M, Deferral]:
    with deferred(keep) as frame:
        return make(), frame
