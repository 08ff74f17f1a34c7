"""What every page shares: who asks, which workspace, and what an error of a room looks like to a browser."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from tracking.core.errors import ConflictError, NotFoundError, PermissionDeniedError
from tracking.core.version import VERSION
from tracking.identity.queries import Credential
from tracking.web.errors import conflict
from tracking.workspaces import access
from tracking.workspaces.access import owns_server
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import ResourceGroup, Workspace

# The parts of a workspace that the frame leads to, by how the names of their pages begin.
PARTS = {
    "experiment": "experiments",
    "run": "experiments",
    "artifact": "experiments",
    "compare": "experiments",
    "model": "models",
    "version": "models",
}

Rest = ParamSpec("Rest")
WorkspaceView = Callable[Concatenate[HttpRequest, "Workspace", Rest], HttpResponseBase]
GroupView = Callable[Concatenate[HttpRequest, "ResourceGroup", Rest], HttpResponseBase]


def credential_of(request: HttpRequest) -> Credential:
    """Return the signed-in person as a credential for every workspace they may see."""
    assert request.user.is_authenticated  # noqa: S101  (for the type checker: login_required stands before)
    return Credential(user=request.user, workspace_id=None)


def _with_error_pages(
    page: Callable[Concatenate[HttpRequest, Rest], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]:
    """Let a page answer what a room raises: 404, 403, or 409 for what is being deleted."""

    @wraps(page)
    def answering(request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        try:
            return page(request, *args, **kwargs)
        except NotFoundError as error:
            raise Http404(str(error)) from None
        except PermissionDeniedError as error:
            raise PermissionDenied(str(error)) from None
        except ConflictError as error:
            return conflict(request, error)

    return answering


def server_page(
    *, need: Permission
) -> Callable[[Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Turn ``view(request, …)`` into one for those who may do ``need`` to the server, else 403."""

    def decorate(
        view: Callable[Concatenate[HttpRequest, Rest], HttpResponseBase],
    ) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        @login_required
        @_with_error_pages
        def page(request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
            access.require_server(credential=credential_of(request), need=need)
            return view(request, *args, **kwargs)

        return page

    return decorate


def frame(request: HttpRequest) -> dict[str, object]:
    """Say to templates whether the reader owns the server (one query, where a page asks), and where one is."""
    page = (request.resolver_match.url_name or "") if request.resolver_match else ""
    return {
        "owns_server": lambda: request.user.is_authenticated and owns_server(user=request.user),
        "version": VERSION,
        "here": next((part for start, part in PARTS.items() if page.startswith(start)), ""),
    }


def workspace_page(
    *, need: Permission
) -> Callable[[WorkspaceView[Rest]], Callable[Concatenate[HttpRequest, str, Rest], HttpResponseBase]]:
    """Turn ``view(request, workspace, …)`` into one that takes a name: signed in, authorised, else 404 or 403."""

    def decorate(view: WorkspaceView[Rest]) -> Callable[Concatenate[HttpRequest, str, Rest], HttpResponseBase]:
        @wraps(view)
        @login_required
        @_with_error_pages
        def page(request: HttpRequest, /, workspace: str, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
            found = access.require(credential=credential_of(request), workspace=workspace, need=need)
            if found.name != workspace and request.method in ("GET", "HEAD"):
                return redirect(_with_name(request, workspace, found.name))
            return view(request, found, *args, **kwargs)

        page.need = need  # type: ignore[attr-defined]  # read by the route table's test
        return cast(Callable[Concatenate[HttpRequest, str, Rest], HttpResponseBase], page)

    return decorate


def group_page(
    *, need: Permission
) -> Callable[[GroupView[Rest]], Callable[Concatenate[HttpRequest, str, Rest], HttpResponseBase]]:
    """Do the same for ``view(request, group, …)``."""

    def decorate(view: GroupView[Rest]) -> Callable[Concatenate[HttpRequest, str, Rest], HttpResponseBase]:
        @wraps(view)
        @login_required
        @_with_error_pages
        def page(request: HttpRequest, /, group: str, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
            found = access.require_group(credential=credential_of(request), group=group, need=need)
            return view(request, found, *args, **kwargs)

        page.need = need  # type: ignore[attr-defined]  # read by the route table's test
        return cast(Callable[Concatenate[HttpRequest, str, Rest], HttpResponseBase], page)

    return decorate


def _with_name(request: HttpRequest, former: str, name: str) -> str:
    """Return the address of the same page under the workspace's present name."""
    return request.get_full_path().replace(f"/w/{former}", f"/w/{name}", 1)


def may(request: HttpRequest, workspace: "Workspace", need: Permission) -> bool:
    """Tell whether the reader may do more than look at a workspace. No query: it was asked a moment ago."""
    try:
        access.require(credential=credential_of(request), workspace=workspace.name, need=need)
    except (ConflictError, PermissionDeniedError):
        return False
    return True
