"""Lists of the REST API, which come in pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlportal._transport import Query, Transport

PAGE = 200


def list_all(transport: Transport, path: str, key: str, query: Query | None = None) -> Iterator[dict[str, Any]]:
    """Yield every row of the list ``key`` at a path, a request for each 200."""
    token = None
    while True:
        answer = transport.get(path, {**(query or {}), "max_results": PAGE, "page_token": token})
        yield from answer[key]
        token = answer.get("next_page_token")
        if not token:
            return
