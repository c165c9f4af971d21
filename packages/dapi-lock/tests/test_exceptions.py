"""Errors: each can be caught as its builtin, pickles, and names the remedy."""

import inspect
import pickle

import pytest

from dapi.exceptions import DapiError
from dapi.lock import exceptions

EXAMPLES = [
    exceptions.LockError("dapi.lock", "it is not TOML", "To write it again: dapi lock"),
    exceptions.MissingLockError("dapi.lock"),
    exceptions.StaleLockError("dapi.lock", ["net is not locked"]),
    exceptions.ListedError("All is wrong.", ["a", "b"], "Mend it."),
    exceptions.UnlockableError({"net": "There is none."}),
    exceptions.UnhashedError(["a.pth of net:A"]),
    exceptions.PolicyError(["net:A has the license 'unknown'"]),
    exceptions.SyncError({"a.pth": "404"}, remedy="To try again: dapi sync"),
    exceptions.BundleError("x.tar", "it ends early"),
    exceptions.KeyFileError("sign.pem", "it is not a private key in PEM", "To make a key: openssl"),
    exceptions.AdapterError("my-adapter", "it is damaged", "Save it again"),
    exceptions.AdapterBaseError(
        "my-adapter", base="net:A", differing=["a", "b", "c", "d"], total=9, remedy="Build it"
    ),
    exceptions.SignatureError("dapi.lock.sig", "it belongs to another lock"),
]


def test_every_error_has_an_example():
    """None is left out below."""
    classes = {each for _, each in inspect.getmembers(exceptions, inspect.isclass)}
    errors = {each for each in classes if issubclass(each, DapiError)} - {DapiError}

    assert {type(each) for each in EXAMPLES} == errors


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_keeps_its_facts(error):
    """It pickles with them, is one line, and is also a builtin that a caller would catch."""
    copy = pickle.loads(pickle.dumps(error))

    assert str(copy) == str(error) and vars(copy) == vars(error)
    assert "\n" not in str(error) and str(error).count(". ") >= 1
    is_base = type(error) is exceptions.ListedError
    assert is_base or isinstance(error, (ValueError, LookupError, OSError))


def test_long_list_is_cut_in_the_message_only():
    """A policy may refuse hundreds of weights."""
    error = exceptions.PolicyError([f"net{n} is bad" for n in range(300)])

    assert "net4 is bad; and 295 more." in str(error) and 300 == len(error.items)
