"""ContextParams: every way into and out of a context restores exactly what was outside."""

import asyncio
import contextvars
import gc
import inspect
import threading
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dapi import ContextParams


class Norm:
    def __init__(self):
        self.eps = ContextParams.get(self, "eps", 1e-5)


class FrozenNorm(Norm):
    pass


def eps(cls=Norm):
    return cls().eps


def test_get_outside_of_any_context_returns_the_default():
    """Without a context a class keeps its own default."""
    assert 1e-5 == eps()


def test_nested_contexts_restore_the_outer_value():
    """Leaving the inner of two contexts on one class brings back the outer's value."""
    with ContextParams(Norm, True, eps=1.0):
        with ContextParams(Norm, True, eps=2.0):
            assert 2.0 == eps()
        assert 1.0 == eps()
    assert 1e-5 == eps()


def test_inner_context_for_another_parameter_hides_nothing():
    """The innermost context that names the parameter wins, not the innermost of all."""
    with ContextParams(Norm, True, eps=1.0), ContextParams(Norm, True, momentum=0.1):
        assert 1.0 == eps()


def test_active_may_be_named():
    """``active`` is an argument of its own, by keyword too; a class is needed."""
    with ContextParams(target_class=Norm, active=False, eps=1.0):
        assert 1e-5 == eps()
    with pytest.raises(TypeError, match="requires a class"):
        ContextParams(len, True, eps=1.0)


def test_inactive_context_overrides_nothing():
    """``active=False`` spares the caller an if."""
    with ContextParams(Norm, False, eps=1.0):
        assert 1e-5 == eps()


def test_exception_restores_the_default():
    """A constructor that fails inside leaves no override behind."""
    with pytest.raises(ValueError, match="inside"), ContextParams(Norm, True, eps=1.0):
        raise ValueError("inside")
    assert 1e-5 == eps()


def test_subclass_is_reached_and_parent_is_not():
    """A context on a class reaches its subclasses and never its parents."""
    with ContextParams(FrozenNorm, True, eps=1.0):
        assert (1.0, 1e-5) == (eps(FrozenNorm), eps(Norm))
    with ContextParams(Norm, True, eps=2.0):
        assert (2.0, 2.0) == (eps(FrozenNorm), eps(Norm))
    assert (1e-5, 1e-5) == (eps(FrozenNorm), eps(Norm))


def test_generator_left_out_of_order_restores_exactly():
    """A generator that is closed after an outer context ended disturbs nobody."""

    def suspended():
        with ContextParams(Norm, True, eps=2.0):
            yield

    generator = suspended()
    with ContextParams(Norm, True, eps=1.0):
        next(generator)
        assert 2.0 == eps()
    assert 2.0 == eps()  # still open
    generator.close()
    assert 1e-5 == eps()


def test_generator_collected_elsewhere_ends_its_context():
    """A generator that is collected in another context ends its override everywhere."""

    def suspended():
        with ContextParams(Norm, True, eps=2.0):
            yield

    generator = suspended()
    next(generator)
    contextvars.Context().run(generator.close)
    del generator
    gc.collect()

    assert 1e-5 == eps()


@given(st.permutations([0, 1, 2, 3]))
def test_leaving_in_any_order_shows_the_innermost_open_one(order):
    """After each exit, in whatever order, the innermost context that is open counts."""
    contexts = [ContextParams(Norm, True, eps=float(index)) for index in range(4)]
    for context in contexts:
        context.__enter__()
    still_open = set(range(4))
    for index in order:
        contexts[index].__exit__(None, None, None)
        still_open.discard(index)

        assert (float(max(still_open)) if still_open else 1e-5) == eps()


def test_exit_stack_unwinds_to_the_outside():
    """Contexts entered through an ExitStack all end with it."""
    with ExitStack() as stack:
        for value in (1.0, 2.0, 3.0):
            stack.enter_context(ContextParams(Norm, True, eps=value))
        assert 3.0 == eps()
    assert 1e-5 == eps()


def test_two_threads_do_not_see_each_other():
    """Two threads that build at once, each in its own context, get each their own value."""
    barrier, seen = threading.Barrier(2, timeout=10), {}

    def build(value):
        with ContextParams(Norm, True, eps=value):
            barrier.wait()
            seen[value] = eps()
            barrier.wait()

    threads = [threading.Thread(target=build, args=(value,)) for value in (1.0, 2.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {1.0: 1.0, 2.0: 2.0} == seen


def test_thread_started_outside_does_not_see_a_later_context():
    """A thread that runs already is never reached by a context."""
    entered, seen = threading.Event(), []

    def build():
        entered.wait(10)
        seen.append(eps())

    thread = threading.Thread(target=build)
    thread.start()
    with ContextParams(Norm, True, eps=1.0):
        entered.set()
        thread.join()

    assert [1e-5] == seen


def test_two_tasks_do_not_see_each_other():
    """Two asyncio tasks, interleaved, get each their own value."""

    async def build(value):
        with ContextParams(Norm, True, eps=value):
            await asyncio.sleep(0)
            found = eps()
            await asyncio.sleep(0)
            return found, eps()

    async def both():
        return await asyncio.gather(build(1.0), build(2.0))

    assert [(1.0, 1.0), (2.0, 2.0)] == asyncio.run(both())


def test_child_task_inherits_the_context_until_it_is_left():
    """A task, or a thread that was handed the context, sees it only while it is open."""

    async def child(left):
        inside = eps(), await asyncio.to_thread(eps)
        await left.wait()
        return inside, (eps(), await asyncio.to_thread(eps))

    async def parent():
        left = asyncio.Event()
        with ContextParams(Norm, True, eps=1.0):
            task = asyncio.create_task(child(left))
            await asyncio.sleep(0.05)
        left.set()
        return await task

    assert ((1.0, 1.0), (1e-5, 1e-5)) == asyncio.run(parent())


def test_entering_twice_is_refused_and_using_again_is_not():
    """One context object is one context at a time."""
    context = ContextParams(Norm, True, eps=1.0)
    with context, pytest.raises(RuntimeError, match="entered already"):
        context.__enter__()
    with context:
        assert 1.0 == eps()
    assert 1e-5 == eps()


def test_unread_names_what_nothing_asked_for():
    """A context knows which of its parameters no constructor read."""
    with ContextParams(Norm, True, eps=1.0, momentum=0.1) as context:
        assert ("eps", "momentum") == context.unread
        Norm()
    assert ("momentum",) == context.unread


def test_decorated_function_overrides_in_each_call():
    """Also when it calls itself, in a method of any kind, and under the names that it had."""
    zero = ContextParams(Norm, eps=0.0)

    @zero
    def build(depth=0, *, cls=Norm):
        """Build a norm."""
        return [cls().eps, *(build(depth - 1) if depth else [])]

    class Maker:
        @zero
        def method(self, other):
            return self, other, eps()

        @zero
        @classmethod
        def of_class(cls):
            return cls, eps()

        @staticmethod
        @zero
        def static():
            return eps()

    maker = Maker()
    assert [0.0, 0.0, 0.0] == build(2)
    assert ("build", "Build a norm.") == (build.__name__, build.__doc__)
    assert (maker, 3, 0.0) == maker.method(3)
    assert (Maker, 0.0) == Maker.of_class() == maker.of_class()
    assert 0.0 == Maker.static()
    assert 1e-5 == eps()


def test_decorator_leaves_with_an_exception_and_does_nothing_when_inactive():
    """As the context does."""

    @ContextParams(Norm, eps=0.0)
    def fail():
        raise KeyError(eps())

    with pytest.raises(KeyError, match="0.0"):
        fail()
    assert 1e-5 == eps() == ContextParams(Norm, False, eps=0.0)(eps)()


def test_class_is_not_decorated():
    """It would be a class no more: the error names what to decorate."""
    with pytest.raises(TypeError, match="cannot decorate the class Norm.*its __init__"):
        ContextParams(Norm, eps=0.0)(Norm)


def test_decorated_generator_overrides_while_its_body_runs():
    """And not where its items are used, whatever is sent, thrown or closed."""
    seen = []

    @ContextParams(Norm, eps=0.0)
    def build():
        try:
            while True:
                try:
                    seen.append((yield eps()))
                except KeyError:
                    yield -eps() - 1
                if seen[-1] == "end":
                    return eps()
        finally:
            seen.append(eps())

    assert inspect.isgeneratorfunction(build)
    steps = build()
    assert [0.0, 1e-5] == [next(steps), eps()]
    assert [0.0, 1e-5] == [steps.send("more"), eps()]
    assert [-1.0, 1e-5] == [steps.throw(KeyError()), eps()]
    with pytest.raises(StopIteration) as stop:
        steps.send("unheard")
        steps.send("end")
    assert (0.0, 1e-5) == (stop.value.value, eps())
    other = build()
    next(other)
    other.close()
    assert ["more", "end", 0.0, 0.0] == seen
    with pytest.raises(ZeroDivisionError):
        failing = build()
        next(failing)
        failing.throw(ZeroDivisionError())
    assert 1e-5 == eps()


def test_decorated_coroutine_overrides_until_it_returns():
    """Other tasks see nothing of it while it waits."""

    @ContextParams(Norm, eps=0.0)
    async def build():
        first = eps()
        await asyncio.sleep(0)
        return first, eps()

    async def main():
        found = await asyncio.gather(build(), asyncio.to_thread(eps), build())
        return *found, eps()

    assert inspect.iscoroutinefunction(build)
    assert ((0.0, 0.0), 1e-5, (0.0, 0.0), 1e-5) == asyncio.run(main())


def test_decorated_async_generator_overrides_while_its_body_runs():
    """And not where its items are used, whatever is sent, thrown or closed."""
    seen = []

    @ContextParams(Norm, eps=0.0)
    async def build():
        try:
            while True:
                await asyncio.sleep(0)
                try:
                    seen.append((yield eps()))
                except KeyError:
                    yield -eps() - 1
        finally:
            seen.append(eps())

    async def main():
        steps = build()
        assert [0.0, 1e-5] == [await steps.__anext__(), eps()]
        assert [0.0, 1e-5] == [await steps.asend("more"), eps()]
        assert [-1.0, 1e-5] == [await steps.athrow(KeyError()), eps()]
        await steps.aclose()
        async for item in build():
            assert [0.0, 1e-5] == [item, eps()]
            break

    assert inspect.isasyncgenfunction(build)
    asyncio.run(main())
    assert ["more", 0.0] == seen[:2]


def test_decorated_async_generator_ends():
    """After its last item, and with the body's own exception."""

    @ContextParams(Norm, eps=0.0)
    async def build(fails):
        yield eps()
        if fails:
            raise ZeroDivisionError

    async def main():
        assert [0.0] == [each async for each in build(False)]
        with pytest.raises(ZeroDivisionError):
            [each async for each in build(True)]
        return eps()

    assert 1e-5 == asyncio.run(main())
