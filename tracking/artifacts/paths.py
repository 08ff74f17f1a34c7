"""The canonical artifact path: the only form in which a name from outside reaches a store."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from tracking.core.errors import InvalidParameterError

MAX_PATH_BYTES: Final = 4096
MAX_SEGMENT_BYTES: Final = 255
MAX_SEGMENTS: Final = 64

# Refused on every system: a run logged here may be downloaded on Windows, where these names open devices.
_WINDOWS_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# "C:", "C:x" and "x:stream" (drives and NTFS streams), "a::$DATA", "file:". Any other colon is an ordinary character:
# times ("10:00:00.png") and metric keys ("train:loss") carry it.
_WINDOWS_COLON: Final = re.compile(r"^[A-Za-z]:|::|:$")
# What a second decoding would turn into a separator or an end of string. The overlong forms are those that a careless
# UTF-8 decoder reads as ASCII (RFC 3629, section 10).
_DANGEROUS_WHEN_DECODED: Final = re.compile(
    rb"[/\\\x00]|[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}"
)


@dataclass(frozen=True)
class ArtifactPath:
    """A relative path that is safe to join to any root, however it was made: building a bad one raises.

    No parts at all is the root.

    :raises InvalidParameterError: "Invalid path: ..." with the text and the rule that it breaks.
    """

    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        if reason := _why_refused(self.parts):
            raise InvalidParameterError(f"Invalid path: {_shown('/'.join(self.parts))}: {reason}")

    @classmethod
    def parse(cls, raw: str, *, allow_empty: bool = False) -> "ArtifactPath":
        """Read a path that was decoded exactly once on its way from the URL.

        :param allow_empty: the path may name a directory: "" is then the root, and one trailing slash is dropped.
        :raises InvalidParameterError: if the path breaks a rule of the class.
        """
        if allow_empty and not raw:
            return cls(())
        if allow_empty and len(raw) > 1:
            raw = raw.removesuffix("/")
        return cls(tuple(raw.split("/")))

    def __str__(self) -> str:
        return "/".join(self.parts)

    def __truediv__(self, other: "ArtifactPath | str") -> "ArtifactPath":
        return self.join(other)

    def join(self, other: "ArtifactPath | str") -> "ArtifactPath":
        """Return the path of ``other`` as seen from this directory; a text is parsed first."""
        below = other if isinstance(other, ArtifactPath) else ArtifactPath.parse(other)
        return ArtifactPath(self.parts + below.parts)

    @property
    def name(self) -> str:
        """The last segment; "" for the root."""
        return self.parts[-1] if self.parts else ""

    @property
    def parent(self) -> "ArtifactPath":
        """The directory that holds this path; the root is its own parent."""
        return ArtifactPath(self.parts[:-1])

    @property
    def is_root(self) -> bool:
        """Whether this is the top of the store."""
        return not self.parts

    def is_below(self, other: "ArtifactPath") -> bool:
        """Whether this path lies inside ``other``; no path lies inside itself."""
        return len(self.parts) > len(other.parts) and self.parts[: len(other.parts)] == other.parts


def is_valid_name(name: str) -> bool:
    """Whether a name that a store reports could have been written through an ``ArtifactPath``."""
    return "/" not in name and _why_refused((name,)) is None


def _why_refused(parts: tuple[str, ...]) -> str | None:
    """Name the first rule that a path breaks; None if it is sound."""
    if len(parts) > MAX_SEGMENTS:
        return f"it has more than {MAX_SEGMENTS} segments"
    try:
        size_bytes = len("/".join(parts).encode())
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if size_bytes > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES} bytes"
    return next((reason for part in parts if (reason := _why_segment_refused(part))), None)


@lru_cache(maxsize=10_000)  # a path is put together step by step, and most of its segments are those of the path before
def _why_segment_refused(segment: str) -> str | None:
    if not segment:
        return "it is absolute, empty or has an empty segment"
    if segment in (".", ".."):
        return f"the segment {segment!r} is not allowed"
    if "/" in segment or "\\" in segment:
        return "a segment holds a separator"
    if _CONTROL.search(segment):
        return "it holds a control character"
    if segment[-1] in ". ":
        return "a segment ends in a dot or a space"
    if _WINDOWS_COLON.search(segment):
        return "it reads as a drive, a stream or a scheme"
    if re.split(r"[.:]", segment, maxsplit=1)[0].rstrip(" ").lower() in _WINDOWS_DEVICES:
        return "it is the name of a device on Windows"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"a segment is longer than {MAX_SEGMENT_BYTES} bytes"
    if any(_is_dangerous(decoded) for decoded in _decodings(segment)):
        return "it holds an encoded separator"
    return None


def _decodings(segment: str) -> Iterator[bytes]:
    """Yield what percent-decoding once, twice and so on makes of a segment, until nothing changes."""
    text = segment.encode()
    while (decoded := unquote_to_bytes(text)) != text:
        yield decoded
        text = decoded


def _is_dangerous(decoded: bytes) -> bool:
    return not decoded.strip(b". ") or _DANGEROUS_WHEN_DECODED.search(decoded) is not None


def _shown(text: str) -> str:
    """Quote a path for a message, shortened: it may be as long as a request line and hold anything."""
    return repr(text if len(text) <= 200 else text[:200] + "…")
