"""The table of contents of the REST API v1: path and method -> endpoint, and who may ask. All below ``/api/v1/``."""

from collections import defaultdict

from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from tracking.api.portal import deletions, groups, schema, server, workspaces
from tracking.api.portal.base import Access, Place, PortalView, Route
from tracking.workspaces.types import Permission

PREFIX = "api/v1/"
OPEN, PERSON = Access(Place.OPEN), Access(Place.PERSON)
READ_SERVER, MANAGE_SERVER = Access(Place.SERVER), Access(Place.SERVER, Permission.MANAGE)
READ_GROUP, MANAGE_GROUP = Access(Place.GROUP), Access(Place.GROUP, Permission.MANAGE)
READ_WORKSPACE, MANAGE_WORKSPACE = Access(Place.WORKSPACE), Access(Place.WORKSPACE, Permission.MANAGE)
# Locks and members: a ReadOnly lock must not keep an owner from removing it, or from taking somebody's access away.
RULE_GROUP = Access(Place.GROUP, Permission.MANAGE, despite_lock=True)
RULE_WORKSPACE = Access(Place.WORKSPACE, Permission.MANAGE, despite_lock=True)

G, W, D = "groups/<str:group>", "workspaces/<str:workspace>", "deletions/<str:uid>"

ROUTES = (
    Route("GET", "server", server.show, OPEN),
    Route("GET", "schema", schema.show, OPEN),
    Route("GET", "groups", groups.list, PERSON),
    Route("GET", G, groups.show, READ_GROUP),
    Route("GET", "workspaces", workspaces.list, PERSON),
    Route("GET", W, workspaces.show, READ_WORKSPACE),
    Route("POST", "deletions/plan", deletions.plan, PERSON),
    Route("POST", "deletions", deletions.ask, PERSON, status=202),
    Route("GET", "deletions", deletions.list, PERSON),
    Route("GET", D, deletions.show, PERSON),
    Route("POST", f"{D}/pause", deletions.pause, PERSON),
    Route("POST", f"{D}/resume", deletions.resume, PERSON),
    Route("POST", f"{D}/retry", deletions.retry, PERSON),
    Route("POST", f"{D}/cancel", deletions.cancel, PERSON),
)
schema.publish(ROUTES, prefix=PREFIX)


def _patterns() -> list[URLPattern]:
    by_path: defaultdict[str, dict[str, Route]] = defaultdict(dict)
    for route in ROUTES:
        by_path[route.path][route.method] = route
    return [
        path(f"{PREFIX}{below}", csrf_exempt(PortalView.as_view(routes=routes))) for below, routes in by_path.items()
    ]


urlpatterns = _patterns()
