"""Warnings point at the caller's line."""

import warnings

import pytest

from dapi import register_model
from dapi._values import notices
from dapi.exceptions import DapiWarning, LegacyArgumentWarning


def test_warning_points_outside_of_dapi():
    """The line that a warning shows is the caller's, not dapi's."""
    legacy = register_model.__globals__["LegacyArgument"]("pretrained", {False: None})
    with pytest.warns(LegacyArgumentWarning) as caught:
        legacy.translate("net", False)

    assert __file__ == caught[0].filename


def test_warn_once_says_a_sentence_once():
    """The same sentence is not said twice, another one is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for text in ("one", "one", "two"):
            notices.warn_once(text, DapiWarning)

    assert ["one", "two"] == [str(warning.message) for warning in caught]
