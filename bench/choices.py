"""Some of several names, as an option of a command."""

import argparse
from collections.abc import Callable, Collection


def some_of(choices: Collection[str]) -> Callable[[str], list[str]]:
    """Return what reads names with commas between them; argparse reports one that is none of ``choices``."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in choices:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(choices)}")
        return names

    return read
