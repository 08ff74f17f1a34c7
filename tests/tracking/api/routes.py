"""Routes of the JSON endpoints, as the tests name them and ask for them."""

import re

from tracking.api.urls import ROUTES, Route

JSON_ROUTES = [route for route in ROUTES if route.endpoint.body is not None]


def name_of(value: object) -> str | None:
    """Return the name of a test about a route."""
    return f"{value.method} {value.path}" if isinstance(value, Route) else None


def path_of(route: Route, part: str = "x") -> str:
    """Return a route's path with ``part`` for each of its blanks."""
    return re.sub(r"<\w+:\w+>", part, route.path)
