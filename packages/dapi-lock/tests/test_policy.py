"""Policy: which licenses satisfy which."""

import pytest

from dapi.lock.policy import is_allowed


@pytest.mark.parametrize(
    ("license_", "allowed", "expected"),
    [
        ("MIT", ("MIT", "Apache-2.0"), True),
        ("mit", ("MIT",), True),
        ("GPL-3.0-only", ("MIT",), False),
        ("MIT OR GPL-3.0-only", ("MIT",), True),
        ("MIT AND GPL-3.0-only", ("MIT",), False),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", ("MIT", "Apache-2.0"), True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only",), False),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            ("GPL-2.0-only WITH Classpath-exception-2.0",),
            True,
        ),
        ("LicenseRef-Acme", ("LicenseRef-Acme",), True),
        ("unknown", ("MIT",), False),
        ("unknown", ("MIT", "unknown"), True),
        ("our own, see the page", ("MIT",), False),
        ("our own, see the page", ("our own, see the page",), True),
        ("MIT AND", ("MIT",), False),
        ("", ("MIT",), False),
        ("MIT OR ()", ("MIT",), False),
        ("MIT", ("not an ( expression",), False),
    ],
)
def test_expression_is_satisfied_or_not(license_, allowed, expected):
    """SPDX expressions by their meaning; all else as text."""
    assert expected is is_allowed(license_, allowed)
