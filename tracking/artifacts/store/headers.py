"""What the headers of a download need."""

import mimetypes
import re
from typing import Final

from tracking.artifacts.types import RangeNotSatisfiableError

# The built-in table alone: the machine's own would make the answer differ from server to server.
_MIME_TYPES: Final = mimetypes.MimeTypes()
for _suffix, _media_type in {".md": "text/markdown", ".webp": "image/webp", ".avif": "image/avif"}.items():
    _MIME_TYPES.add_type(_media_type, _suffix)
_TEXT: Final = re.compile(
    r".*\.(?:bash|c|cc|cf|cfg|cnf|conf|cpp|env|err|go|h|hocon|hpp|ini|java|js|jsonl|log|lock|lua|mjs|out|patch|pl|prop"
    r"|properties|py|py3|pyi|r|rb|rs|rst|sh|sql|tex|toml|ts|txt|xml|yaml|yml|gitignore)"
    r"|mlmodel|mlproject|dockerfile|makefile|license|readme"
)


def guess_content_type(name: str) -> str:
    """Return the media type that a file's name suggests: text for code and settings, bytes for what is unknown."""
    base = name.rpartition("/")[2].lower()
    if _TEXT.fullmatch(base):
        return "text/plain"
    media_type, encoding = _MIME_TYPES.guess_type(base, strict=False)
    return media_type if media_type and not encoding else "application/octet-stream"


_BYTE_RANGE: Final = re.compile(r"([0-9]{0,99})-([0-9]{0,99})")


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Read a Range header (RFC 9110, section 14) as ``(start, end)``, end excluded: what ``read`` takes.

    None, which is "send it all", without the header and for what a server may ignore: other units, bad syntax,
    several ranges, any suffix of an empty file.

    :raises RangeNotSatisfiableError: if the file has none of the bytes.
    """
    unit, _, ranges = (header or "").partition("=")
    if unit.strip().lower() != "bytes" or not (match := _BYTE_RANGE.fullmatch(ranges.strip(" \t"))):
        return None
    first, last = match.groups()
    if first:
        start, end = int(first), int(last) + 1 if last else size
        if last and end <= start:
            return None
    elif last and (size or not int(last)):
        start, end = max(size - int(last), 0), size
    else:
        return None
    if start >= size:
        raise RangeNotSatisfiableError(f"Range {header!r} lies outside the file of {size} bytes", size_bytes=size)
    return (start, min(end, size))
