"""Answers, for tools: a model's recorded outputs as text, stored outside of its distribution.

To check a model, call ``dapi.check``. A tool that stores an answer elsewhere, as in a lock file,
gets it here as one line of JSON, and compares it later.

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
