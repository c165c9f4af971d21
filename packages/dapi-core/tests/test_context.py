"""ContextParams: every way into and out of a context restores exactly what was outside."""

import asyncio
import contextvars
import gc
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
    with pytest.raises(TypeError, match="needs a class"):
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
