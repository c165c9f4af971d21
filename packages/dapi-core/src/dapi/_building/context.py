"""ContextParams: constructor defaults, overridden deep inside a model while it is built."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial, wraps
from types import TracebackType
from typing import Any, TypeVar

from dapi._values.public import public

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class _Frame:
    """An entered context. Its flag ends it, in every task that inherited it."""

    __slots__ = ("is_open", "params", "read", "target")

    def __init__(self, target: type, params: dict[str, Any]) -> None:
        self.target = target
        self.params = params
        self.read: set[str] = set()
        self.is_open = True


# Never reset by token: contexts may be left out of order (a generator, an ExitStack).
_frames: ContextVar[tuple[_Frame, ...]] = ContextVar("dapi_context_params", default=())


@public
class ContextParams:
    """Override defaults that a class reads in its constructor, while a block runs.

    A class reads its default from the context::

        class FrozenNorm(nn.Module):
            def __init__(self, features: int) -> None:
                self.eps = ContextParams.get(self, "eps", 1e-5)

    The override applies to ``target_class`` and its subclasses, never to its parents; of nested
    contexts, the innermost that names the parameter wins. Leaving a context restores the outer
    state exactly, even after an exception and out of order. A task started inside inherits the
    context until it is left; a thread or task started outside never sees it. (A plain
    ``threading.Thread`` starts without any context, as everywhere in Python before 3.14; use
    ``contextvars.copy_context().run`` or ``asyncio.to_thread`` to pass it on.)

    As a decorator it overrides the defaults during each call of a function or method, and while
    the body of a generator or coroutine runs, but not between its items.

    Args:
        target_class: The class whose constructors read the parameters.
        active: Whether the context has an effect; False saves the caller an ``if``.
        **params: The defaults to override.

    Raises:
        TypeError: ``target_class`` is not a class, or a class is decorated.
        RuntimeError: The context is entered while it is active. It can be used again afterwards.

    Source: the RFC "DAPI Model Versioning", implementation details.

    >>> class Norm:
    ...     def __init__(self):
    ...         self.eps = ContextParams.get(self, "eps", 1e-5)
    >>> with ContextParams(Norm, True, eps=0.0):
    ...     print(Norm().eps)
    0.0
    >>> Norm().eps
    1e-05
    >>> @ContextParams(Norm, eps=0.0)
    ... def build():
    ...     return Norm()
    >>> build().eps
    0.0
    """

    def __init__(self, target_class: type, active: bool = True, **params: Any) -> None:
        if not isinstance(target_class, type):
            raise TypeError(f"ContextParams requires a class, not {target_class!r}.")
        self._target = target_class
        self._active = active
        self._params = params
        self._frame: _Frame | None = None

    def __enter__(self) -> ContextParams:
        if self._frame is not None and self._frame.is_open:
            raise RuntimeError(f"{self!r} is entered already: make a second one to nest it.")
        self._frame = _Frame(self._target, self._params)
        if self._active:
            _frames.set((*_open_frames(), self._frame))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._frame is not None:
            self._frame.is_open = False
        _frames.set(_open_frames())

    def __call__(self, function: F) -> F:
        """Return a function that applies the overrides in each of its calls."""
        if isinstance(function, type):
            raise TypeError(
                f"{self!r} cannot decorate the class {function.__qualname__}. Decorate a function "
                "or method that constructs, such as its __init__."
            )
        decorated: Any
        if isinstance(function, staticmethod | classmethod):
            decorated = type(function)(self(function.__func__))
        else:
            decorated = _decorated(function, self._copy)
        return decorated  # type: ignore[no-any-return]

    def _copy(self) -> ContextParams:
        return type(self)(self._target, self._active, **self._params)

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self._params.items())
        return f"ContextParams({self._target.__qualname__}, {self._active}, {params})"

    @property
    def unread(self) -> tuple[str, ...]:
        """The parameters that no constructor has read since this context was entered."""
        read = self._frame.read if self._frame else set()
        return tuple(name for name in self._params if name not in read)

    @staticmethod
    def get(obj: object, key: str, default: T) -> T:
        """Return the value that ``obj``, under construction, should use for ``key``.

        Args:
            obj: The instance under construction; its class decides which contexts apply.
            key: The name of the parameter.
            default: The value outside of any context.
        """
        for frame in reversed(_frames.get()):
            if frame.is_open and key in frame.params and isinstance(obj, frame.target):
                frame.read.add(key)
                value: T = frame.params[key]
                return value
        return default


def _open_frames() -> tuple[_Frame, ...]:
    return tuple(frame for frame in _frames.get() if frame.is_open)


def _decorated(function: Callable[..., Any], context: Callable[[], ContextParams]) -> Any:
    """Wrap a function in one of its own kind, with a context of its own for each call."""
    import inspect  # imported here: only decorators need it

    if inspect.isasyncgenfunction(function):
        return _async_generator(function, context)
    if inspect.isgeneratorfunction(function):
        return _generator(function, context)
    if inspect.iscoroutinefunction(function):
        return _coroutine(function, context)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with context():
            return function(*args, **kwargs)

    return call


def _coroutine(function: Callable[..., Any], context: Callable[[], ContextParams]) -> Any:
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        with context():
            return await function(*args, **kwargs)

    return call


def _generator(function: Callable[..., Any], context: Callable[[], ContextParams]) -> Any:
    """Wrap a generator function: the context is open while its body runs, and not in between."""

    @wraps(function)
    def generate(*args: Any, **kwargs: Any) -> Any:
        body, around = function(*args, **kwargs), context()
        step = partial(next, body)
        while True:
            try:
                with around:
                    item = step()
            except StopIteration as end:
                return end.value
            try:
                step = partial(body.send, (yield item))
            except GeneratorExit:
                with around:
                    body.close()
                raise
            except BaseException as error:  # noqa: BLE001 - the body handles it
                step = partial(body.throw, error)

    return generate


def _async_generator(function: Callable[..., Any], context: Callable[[], ContextParams]) -> Any:
    """Wrap an asynchronous generator function, as above."""

    @wraps(function)
    async def generate(*args: Any, **kwargs: Any) -> Any:
        body, around = function(*args, **kwargs), context()
        step = body.__anext__
        while True:
            try:
                with around:
                    item = await step()
            except StopAsyncIteration:
                return
            try:
                step = partial(body.asend, (yield item))
            except GeneratorExit:
                with around:
                    await body.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - the body handles it
                step = partial(body.athrow, error)

    return generate
