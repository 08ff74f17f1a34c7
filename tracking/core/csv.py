"""CSV out, line by line, and nothing in it that a spreadsheet runs."""

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

# What a spreadsheet would run as a formula (OWASP, "CSV injection").
FORMULA = re.compile(r"[=+\-@\t\r\n]")


class _Line:
    """A file that keeps nothing: csv.writer writes into it and gets the line back."""

    def write(self, text: str) -> str:
        return text


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a table as lines of CSV in which no text is a formula; numbers stay numbers."""
    write: Callable[[Sequence[object]], str] = csv.writer(_Line()).writerow
    yield "\ufeff"  # else a spreadsheet takes UTF-8 for something else
    for row in itertools.chain([head], rows):
        yield write([harmless(cell) for cell in row])


def harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: such a text gets an apostrophe in front."""
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell
