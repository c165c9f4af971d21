"""Answers, for tools: what a model said, as text that is kept elsewhere than in its distribution.

Who checks a model calls ``dapi.check``. A tool that keeps an answer beside something else, as a
lock file does, gets it here as one line of JSON, and compares it later.

Example:
    >>> from dapi import answers
    >>> kept = answers.shipped("resnet20:Digits_RefV2")
    >>> answers.compare("resnet20:Digits_RefV2", kept).state
    'equal'
"""

from __future__ import annotations

from dapi._answers.differences import Check, Difference
from dapi._answers.kept import compare, record, shipped

__all__ = ["Check", "Difference", "compare", "record", "shipped"]
