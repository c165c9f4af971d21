"""Compatibility: whether a release of a distribution breaks users of earlier releases.

An **image** (``image``) describes a release: its declarations (``declarations``), its models
(``models``) and their answers. It is recorded (``recording``) in a separate process (``process``).
Two images are compared (``comparing``) by **rules** (``rules``), one module for each category:
``lock``, ``load``, ``result``, ``source``. A **verdict** (``verdicts``, used by ``behavior``)
compares answers, ``structure`` compares modules. A **finding** is a break if there is a **witness**
(``witnesses``) for it, and a note otherwise. Breaks that a project accepts are **allowances**
(``allowances``). Images are kept by release (``releases``). ``report`` writes findings for people
and machines; ``notes`` writes release notes for users.
"""
