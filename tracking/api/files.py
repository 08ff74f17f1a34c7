"""Files through the server, whichever API they are asked of: streamed in and out, never whole in memory."""

from collections.abc import Callable, Iterator
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import http_date

from tracking.artifacts.store import guess_content_type, parse_range
from tracking.artifacts.types import ObjectHead, RangeNotSatisfiableError
from tracking.core.errors import InvalidParameterError

CHUNK_BYTES = 1024 * 1024
SANDBOX = "sandbox; default-src 'none'"


def file_response(
    request: HttpRequest, *, name: str, head: ObjectHead, read: Callable[[int, int], Iterator[bytes]]
) -> HttpResponseBase:
    """Return a file, or the range of it that was asked for. ``read``: streams from a byte up to, not including, one."""
    try:
        wanted = parse_range(request.headers.get("Range"), head.size_bytes)
    except RangeNotSatisfiableError as error:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{error.size_bytes}"})
    start, end = wanted or (0, head.size_bytes)
    response = HttpResponse() if request.method == "HEAD" else StreamingHttpResponse(read(start, end))
    if wanted:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{head.size_bytes}"
    headers = {
        "Content-Type": guess_content_type(name),
        "Content-Length": str(end - start),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": SANDBOX,
        "Accept-Ranges": "bytes",
        "Last-Modified": http_date(head.modified_at.timestamp()),
        **({"ETag": head.etag} if head.etag else {}),
    }
    for header, value in headers.items():
        response.headers[header] = value
    return response


def body_size(request: HttpRequest) -> int | None:
    """Return the body's length; None if it comes in chunks and is too large to be counted before (portal.asgi)."""
    given = request.META.get("CONTENT_LENGTH") or ""
    if given.isdigit():
        return int(given)
    return None if "HTTP_TRANSFER_ENCODING" in request.META else 0


def body_chunks(request: HttpRequest, size_bytes: int | None) -> Iterator[bytes]:
    """Yield the body. Django reads what Content-Length says and no more, so one without is read from beneath it.

    :raises InvalidParameterError: if a body of unknown length was cut.
    """
    if size_bytes is None:
        try:
            while chunk := request.META["wsgi.input"].read(CHUNK_BYTES):
                yield chunk
        except ConnectionError as error:
            raise InvalidParameterError(f"The file did not arrive whole: {error}") from None
        return
    left = size_bytes
    while left > 0 and (chunk := request.read(min(CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk
