"""The table of contents of the REST API v1: path and method -> endpoint, and who may ask. All below ``/api/v1/``."""

from collections import defaultdict

from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from tracking.api.portal import (
    audit,
    datastores,
    deletions,
    groups,
    locks,
    login,
    me,
    members,
    schema,
    series,
    server,
    tokens,
    tracking_uri,
    users,
    workspaces,
)
from tracking.api.portal.base import Access, Place, PortalView, Route
from tracking.workspaces.types import Permission

PREFIX = "api/v1/"
OPEN, PERSON = Access(Place.OPEN), Access(Place.PERSON)
WRITE_PERSON, MANAGE_PERSON = Access(Place.PERSON, Permission.WRITE), Access(Place.PERSON, Permission.MANAGE)
READ_SERVER, MANAGE_SERVER = Access(Place.SERVER), Access(Place.SERVER, Permission.MANAGE)
READ_GROUP, MANAGE_GROUP = Access(Place.GROUP), Access(Place.GROUP, Permission.MANAGE)
READ_WORKSPACE, WRITE_WORKSPACE = Access(Place.WORKSPACE), Access(Place.WORKSPACE, Permission.WRITE)
MANAGE_WORKSPACE = Access(Place.WORKSPACE, Permission.MANAGE)
# Locks and members: a ReadOnly lock must not keep an owner from removing it, or from taking somebody's access away.
RULE_GROUP = Access(Place.GROUP, Permission.MANAGE, despite_lock=True)
RULE_WORKSPACE = Access(Place.WORKSPACE, Permission.MANAGE, despite_lock=True)

G, W, U = "groups/<str:group>", "workspaces/<str:workspace>", "users/<str:username>"
D, S = "deletions/<str:uid>", f"{W}/datastores/<str:name>"

ROUTES = (
    Route("GET", "server", server.show, OPEN),
    Route("GET", "schema", schema.show, OPEN),
    Route("GET", "groups", groups.list, PERSON),
    Route("POST", "groups", groups.create, MANAGE_SERVER, status=201),
    Route("GET", G, groups.show, READ_GROUP),
    Route("PATCH", G, groups.update, MANAGE_GROUP),
    Route("GET", "workspaces", workspaces.list, PERSON),
    Route("POST", "workspaces", workspaces.create, PERSON, status=201),
    Route("GET", W, workspaces.show, READ_WORKSPACE),
    Route("PATCH", W, workspaces.update, MANAGE_WORKSPACE),
    Route("DELETE", f"{W}/former-names/<str:name>", workspaces.release_name, MANAGE_WORKSPACE, status=204),
    Route("GET", f"{G}/locks", locks.list, READ_GROUP),
    Route("POST", f"{G}/locks", locks.create, RULE_GROUP, status=201),
    Route("DELETE", f"{G}/locks/<str:name>", locks.delete, RULE_GROUP, status=204),
    Route("GET", f"{W}/locks", locks.list, READ_WORKSPACE),
    Route("POST", f"{W}/locks", locks.create, RULE_WORKSPACE, status=201),
    Route("DELETE", f"{W}/locks/<str:name>", locks.delete, RULE_WORKSPACE, status=204),
    Route("GET", "server/members", members.list, READ_SERVER),
    Route("PUT", "server/members/<str:username>", members.put, MANAGE_SERVER),
    Route("DELETE", "server/members/<str:username>", members.delete, MANAGE_SERVER, status=204),
    Route("GET", f"{G}/members", members.list, READ_GROUP),
    Route("PUT", f"{G}/members/<str:username>", members.put, RULE_GROUP),
    Route("DELETE", f"{G}/members/<str:username>", members.delete, RULE_GROUP, status=204),
    Route("GET", f"{W}/members", members.list, READ_WORKSPACE),
    Route("PUT", f"{W}/members/<str:username>", members.put, RULE_WORKSPACE),
    Route("DELETE", f"{W}/members/<str:username>", members.delete, RULE_WORKSPACE, status=204),
    Route("POST", f"{W}/tracking-uri", tracking_uri.create, READ_WORKSPACE),
    Route("POST", f"{W}/tracking-uri/renew", tracking_uri.renew, READ_WORKSPACE),
    Route("GET", f"{W}/series", series.show, READ_WORKSPACE),
    Route("POST", f"{W}/series", series.ask, READ_WORKSPACE),
    Route("GET", f"{W}/series.csv", series.export_csv, READ_WORKSPACE),
    Route("GET", f"{W}/datastores", datastores.list, READ_WORKSPACE),
    Route("POST", f"{W}/datastores", datastores.register, MANAGE_WORKSPACE, status=201),
    Route("GET", S, datastores.show, READ_WORKSPACE),
    Route("PATCH", S, datastores.update, MANAGE_WORKSPACE),
    Route("DELETE", S, datastores.unregister, MANAGE_WORKSPACE),
    Route("GET", f"{S}/files", datastores.list_files, READ_WORKSPACE),
    Route("GET", f"{S}/files/<path:path>", datastores.download, READ_WORKSPACE),
    Route("PUT", f"{S}/files/<path:path>", datastores.upload, WRITE_WORKSPACE),
    Route("DELETE", f"{S}/files/<path:path>", datastores.delete_files, WRITE_WORKSPACE),
    Route("GET", f"{S}/sign/<path:path>", datastores.sign, READ_WORKSPACE),  # to put takes permission to write
    Route("GET", "me", me.show, PERSON),
    Route("GET", "tokens", tokens.list, PERSON),
    Route("POST", "tokens", tokens.create, MANAGE_PERSON, status=201),
    Route("DELETE", "tokens/<str:token_id>", tokens.revoke, MANAGE_PERSON),
    Route("POST", "login/device", login.device, OPEN),
    Route("POST", "login/device/token", login.token, OPEN),
    Route("GET", "users", users.list, MANAGE_SERVER),
    Route("POST", "users", users.create, MANAGE_SERVER, status=201),
    Route("GET", U, users.show, MANAGE_SERVER),
    Route("PATCH", U, users.update, MANAGE_SERVER),
    Route("POST", f"{U}/sign-in-link", users.sign_in_link, MANAGE_SERVER, status=201),
    Route("GET", "audit", audit.list, MANAGE_SERVER),
    Route("GET", "audit.csv", audit.export_csv, MANAGE_SERVER),
    Route("GET", "audit.jsonl", audit.export_jsonl, MANAGE_SERVER),
    Route("POST", "deletions/plan", deletions.plan, PERSON),
    Route("POST", "deletions", deletions.ask, WRITE_PERSON, status=202),
    Route("GET", "deletions", deletions.list, PERSON),
    Route("GET", D, deletions.show, PERSON),
    Route("POST", f"{D}/pause", deletions.pause, WRITE_PERSON),
    Route("POST", f"{D}/resume", deletions.resume, WRITE_PERSON),
    Route("POST", f"{D}/retry", deletions.retry, WRITE_PERSON),
    Route("POST", f"{D}/cancel", deletions.cancel, WRITE_PERSON),
)
schema.publish(ROUTES, prefix=PREFIX)


def _patterns() -> list[URLPattern]:
    by_path: defaultdict[str, dict[str, Route]] = defaultdict(dict)
    for route in ROUTES:
        by_path[route.path][route.method] = route
    return [path(below, csrf_exempt(PortalView.as_view(routes=routes))) for below, routes in by_path.items()]


urlpatterns = _patterns()
