"""Answers of the series endpoint."""

import base64
from typing import Any

import numpy as np
from django.test import Client

URL = "/w/default/charts/series"


def answer_of(client: Client, **query: str | list[str]) -> dict[str, Any]:
    """Return what the endpoint answers."""
    response = client.get(URL, query)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def floats(column: dict[str, Any]) -> list[float]:
    """Return the numbers of a column."""
    packed = np.frombuffer(base64.b64decode(column["bdata"]), column["dtype"]).astype(np.float64)
    found: list[float] = ((packed + column.get("offset", 0)) / column.get("divisor", 1)).tolist()
    return found
