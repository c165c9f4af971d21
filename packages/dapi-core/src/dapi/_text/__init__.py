"""Text for display: no secrets, no terminal control characters, and plurals."""


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, in the plural unless it is one.

    >>> counted(1, "file"), counted(0, "file"), counted(1_200, "key is", "keys are")
    ('1 file', '0 files', '1,200 keys are')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
