"""Compatibility: whether a release of a distribution breaks what users did with those before it.

An **image** (``image``) holds what a release is: what it declares (``declarations``), its models
(``models``) and what they say. It is recorded (``recording``) in a process of its own
(``process``). Two images are compared (``comparing``) by **rules** (``rules``), one module for each
category: ``lock``, ``load``, ``result``, ``source``. What models say is a **verdict**
(``verdicts``, told by ``behaviour``), what they are made of is ``structure``. A **finding** is a
break if there is a **witness** (``witnesses``) of it, and a note otherwise. What a project knows
and accepts are **allowances** (``allowances``). Images are kept by release (``releases``).
``report`` writes findings for people, and for machines; ``notes`` tells them to users.
"""
