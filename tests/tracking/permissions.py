"""One table of every route of the server: pattern and method -> who may. Written by hand where a person must judge.

The API's part is made from its own tables; the pages' part stands here. tests/tracking/test_permissions.py holds the
server to it; a route that is missing here fails there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.urls import URLPattern, URLResolver, get_resolver

from tracking.api import urls as mlflow
from tracking.api.portal import urls as portal
from tracking.api.portal.base import Place as ApiPlace
from tracking.workspaces.types import Permission


class Place(StrEnum):
    """What a route is about, and so where one needs a role."""

    OPEN = "open"
    PERSON = "person"
    SERVER = "server"
    GROUP = "group"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may: those with ``need`` at ``place``."""

    place: Place
    need: Permission = Permission.READ


Table = Mapping[str, Mapping[str, Rule]]
OPEN, PERSON = Rule(Place.OPEN), Rule(Place.PERSON)
OWNER = Rule(Place.SERVER, Permission.MANAGE)
READ, WRITE = Rule(Place.WORKSPACE, Permission.READ), Rule(Place.WORKSPACE, Permission.WRITE)
MANAGE = Rule(Place.WORKSPACE, Permission.MANAGE)
READ_GROUP = Rule(Place.GROUP)
W = "w/<str:workspace>"
E = f"{W}/experiments"

PAGES: Table = {
    "": {"GET": PERSON},
    "sign-in": {"GET": OPEN, "POST": OPEN},
    "sign-in/<str:link>": {"GET": OPEN},
    "sign-in/with/<str:provider_id>": {"GET": OPEN},
    "sign-in/with/<str:provider_id>/back": {"GET": OPEN},
    "sign-out": {"POST": OPEN},
    "language": {"POST": OPEN},
    "words.js": {"GET": OPEN},
    "account": {"GET": PERSON, "POST": PERSON},
    "account/sessions": {"POST": PERSON},
    "account/tokens": {"GET": PERSON, "POST": PERSON},
    "login/device": {"GET": PERSON, "POST": PERSON},
    "people": {"GET": OWNER, "POST": OWNER},
    "people/<str:username>": {"GET": OWNER, "POST": OWNER},
    "audit": {"GET": OWNER},
    W: {"GET": READ, "POST": READ},
    f"{W}/": {"GET": READ, "POST": READ},
    f"{W}/settings": {"GET": READ, "POST": MANAGE},
    f"{W}/access": {"GET": READ},
    f"{W}/datastores": {"GET": READ, "POST": MANAGE},
    f"{W}/datastores/<str:name>": {"GET": READ},
    f"{W}/models": {"GET": READ},
    f"{W}/models/<str:name>": {"GET": READ, "POST": WRITE},
    f"{W}/models/<str:name>/versions/<str:version>": {"GET": READ, "POST": WRITE},
    f"{W}/delete": {"GET": READ, "POST": READ},  # the plan says what will go; the service asks who may
    f"{W}/star": {"POST": READ},
    f"{W}/demo": {"GET": READ, "POST": WRITE},
    f"{W}/trash": {"GET": READ, "POST": WRITE},
    f"{W}/experiments.csv": {"GET": READ},
    f"{W}/experiments.json": {"GET": READ},
    f"{W}/runs/<str:uid>/changes": {"POST": WRITE},
    f"{W}/runs/<str:uid>/frame": {"GET": READ},
    f"{W}/runs/<str:uid>/zip": {"GET": READ},
    f"{W}/charts/series.csv": {"GET": READ, "POST": READ},
    f"{W}/charts/values": {"GET": READ, "POST": READ},
    "search": {"GET": PERSON},
    "groups": {"GET": PERSON, "POST": OWNER},
    "groups/<str:group>": {"GET": READ_GROUP, "POST": READ_GROUP},
    "groups/<str:group>/delete": {"GET": READ_GROUP, "POST": READ_GROUP},
    "deletions/<str:uid>": {"GET": PERSON, "POST": PERSON},  # who may see it, its target decides
    "work": {"GET": OWNER, "POST": OWNER},
    "orphans": {"GET": OWNER, "POST": OWNER},
    "docs": {"GET": PERSON},
    "account/link": {"POST": PERSON},  # where a provider is set up; else 404
    "account/unlink": {"POST": PERSON},
    E: {"GET": READ},
    f"{E}/<int:experiment_id>": {"GET": READ},
    **{f"{E}/<int:experiment_id>/{part}": {"GET": READ} for part in ("overview", "datasets", "models")},
    f"{E}/<int:experiment_id>/runs.csv": {"GET": READ},
    f"{E}/<int:experiment_id>/runs.json": {"GET": READ},
    f"{E}/<int:experiment_id>/runs": {"POST": READ},  # comparing reads; what writes asks again
    f"{E}/<int:experiment_id>/changes": {"POST": WRITE},
    f"{E}/<int:experiment_id>/suggest": {"GET": READ},
    f"{E}/<int:experiment_id>/direction": {"POST": WRITE},
    f"{E}/<int:experiment_id>/views": {"POST": READ},
    f"{W}/views/<int:view_id>/delete": {"POST": READ},
    f"{W}/runs/<str:uid>": {"GET": READ},
    f"{W}/runs/<str:uid>/artifacts": {"GET": READ},
    f"{W}/runs/<str:uid>/preview": {"GET": READ},
    f"{W}/runs/<str:uid>/download": {"GET": READ},
    f"{W}/compare": {"GET": READ},
    f"{W}/charts/series": {"GET": READ, "POST": READ},  # POST: a question too long for an address
}


def api_table() -> Table:
    """Return the API's part."""
    table: dict[str, dict[str, Rule]] = {}
    for one in portal.ROUTES:
        place = Place[ApiPlace(one.access.place).name]
        table.setdefault(f"{portal.PREFIX}{one.path}", {})[one.method] = Rule(place, one.access.need)
    for prefix in mlflow.PLACES:
        table[f"{prefix}health"] = table[f"{prefix}version"] = {"GET": OPEN}
        for root in ("api", "ajax-api"):
            for route in mlflow.ROUTES:
                rule = Rule(Place.WORKSPACE, route.need)
                table.setdefault(f"{prefix}{root}/{route.path}", {})[route.method] = rule
            table[f"{prefix}{root}/<path:rest>"] = {"GET": PERSON, "POST": PERSON}
        table |= {f"{prefix}{path}": {"GET": PERSON, "POST": PERSON} for path in mlflow.ELSEWHERE}
    return table


def routes_of_the_server() -> Iterator[str]:
    """Yield every pattern that the server resolves."""
    return _patterns(get_resolver(), "")


def _patterns(resolver: URLResolver, before: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        whole = f"{before}{entry.pattern}"
        if isinstance(entry, URLPattern):
            yield whole
        else:
            yield from _patterns(entry, whole)
