"""Changes to datastores and to the files in them."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import IntegrityError, transaction

from tracking.artifacts import services as artifacts
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.types import ObjectHead
from tracking.audit.services import record
from tracking.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidParameterError,
    InvalidStateError,
    NotFoundError,
    QuotaExceededError,
    UnavailableError,
)
from tracking.datastores.models import Datastore
from tracking.datastores.opening import open_datastore, refusal_of
from tracking.datastores.queries import BUILT_IN_FOLDER, ROOT, find_registered, location_of, open_named
from tracking.datastores.rules import ADDRESS, check_config, check_credentials, check_name
from tracking.datastores.sealing import seal, unseal
from tracking.datastores.types import BUILT_IN, Kind
from tracking.identity.models import User
from tracking.workspaces.models import Workspace
from tracking.workspaces.services import hold_workspace

MAX_DATASTORES = 100  # of a workspace
NO_SENSE = "There is no answer that makes sense. Is the endpoint right, and does it speak this protocol?"


def register(
    *,
    workspace: Workspace,
    name: str,
    kind: Kind,
    config: Mapping[str, str],
    credentials: Mapping[str, str],
    is_default: bool = False,
    skip_validation: bool = False,
    by: User,
    now: datetime,
) -> None:
    """Add a datastore to a workspace; nothing is written there. Its service is asked for a list first.

    :raises InvalidParameterError: if it cannot be reached (unless ``skip_validation``), or a value breaks a rule.
    :raises AlreadyExistsError: if the workspace has one of this name.
    """
    check_name(name)
    config, credentials = _checked(name, kind, config, credentials, skip_validation=skip_validation)
    with transaction.atomic():
        hold_workspace(workspace)
        if Datastore.objects.filter(workspace=workspace).count() >= MAX_DATASTORES:
            raise QuotaExceededError(
                f"Workspace {workspace.name!r} has {MAX_DATASTORES} datastores, the most it may have."
            )
        try:
            with transaction.atomic():
                added = Datastore.objects.create(
                    workspace=workspace,
                    name=name,
                    kind=kind,
                    config=config,
                    sealed=seal(credentials),
                    created_by=by.get_username(),
                    created_at=now,
                )
        except IntegrityError:
            raise AlreadyExistsError(f"Workspace {workspace.name!r} has a datastore {name!r} already.") from None
        if is_default:
            _make_default(workspace, added.pk)
        _record(workspace, "register", f"{name}: {kind} {location_of(kind, config)}", by=by, now=now)


def update(
    *,
    workspace: Workspace,
    name: str,
    config: Mapping[str, str],
    credentials: Mapping[str, str] | None = None,
    skip_validation: bool = False,
    by: User,
    now: datetime,
) -> None:
    """Change what is given of a datastore's settings (an empty text takes one away); ``credentials`` replaces them.

    :raises InvalidParameterError: as ``register``; if credentials would go to another address than they were given for.
    :raises InvalidStateError: for the built-in datastore, and if stored credentials cannot be read.
    """
    _refuse_built_in(name, "is the server's own; it cannot be changed")
    found = find_registered(workspace=workspace, name=name)
    kind = Kind(found.kind)
    wanted = {**found.config, **config}
    moved = [field for field in ADDRESS if wanted.get(field, "").strip() != found.config.get(field, "")]
    if moved and found.sealed and credentials is None:
        raise InvalidParameterError(
            f"Give the credentials of datastore {name!r} again with its new {' and '.join(moved)}: those that are "
            "stored were given for another address."
        )
    kept = unseal(found.sealed, name=name) if credentials is None else credentials
    wanted, kept = _checked(name, kind, wanted, kept, skip_validation=skip_validation)
    with transaction.atomic():
        hold_workspace(workspace)
        changed = Datastore.objects.filter(pk=found.pk, sealed=found.sealed, config=found.config).update(
            config=wanted, sealed=found.sealed if credentials is None else seal(kept)
        )
        if not changed:
            raise ConflictError(f"Datastore {name!r} was changed by somebody else meanwhile. Try again.")
        what = "" if credentials is None else ", other credentials"
        _record(workspace, "update", f"{name}: {location_of(kind, wanted)}{what}", by=by, now=now)


@transaction.atomic
def set_default(*, workspace: Workspace, name: str, by: User, now: datetime) -> None:
    """Make a datastore the workspace's default. :raises NotFoundError: if it has none of this name."""
    hold_workspace(workspace)
    _make_default(workspace, None if name == BUILT_IN else find_registered(workspace=workspace, name=name).pk)
    _record(workspace, "set_default", name, by=by, now=now)


@transaction.atomic
def unregister(*, workspace: Workspace, name: str, by: User, now: datetime) -> str:
    """Forget a datastore and its credentials; its files stay. Return where they are.

    If it was the default, the built-in one is from now on.

    :raises InvalidStateError: for the built-in datastore.
    """
    _refuse_built_in(name, "comes with the workspace and goes with it")
    hold_workspace(workspace)
    found = find_registered(workspace=workspace, name=name)
    found.delete()
    location = location_of(Kind(found.kind), found.config)
    _record(workspace, "unregister", f"{name}: {location}", by=by, now=now)
    return location


def put_file(
    *, workspace: Workspace, name: str, path: ArtifactPath, chunks: Iterable[bytes], size_bytes: int | None
) -> ObjectHead:
    """Store a file, whole or not at all; a present one is replaced. In the built-in datastore it counts for the quota.

    :raises InvalidParameterError: if fewer or more than ``size_bytes`` bytes came, or a folder stands in the way.
    :raises ConflictError: if the workspace began to be removed meanwhile: nothing of the file stays.
    """
    if name != BUILT_IN:
        opened = open_named(workspace=workspace, name=name)
        with opened.errors_named():
            return opened.store.put(path, chunks, size_bytes=size_bytes)
    where = BUILT_IN_FOLDER / path
    head = artifacts.put_file(workspace=workspace, path=where, chunks=chunks, size_bytes=size_bytes)
    try:
        with transaction.atomic():
            hold_workspace(workspace)
    except (ConflictError, NotFoundError):
        artifacts.delete_files(workspace=workspace, path=where)
        raise
    return head


def delete_files(*, workspace: Workspace, name: str, path: ArtifactPath, by: User, now: datetime) -> int:
    """Delete a file or a folder with all in it, return the bytes freed; one that does not exist frees 0.

    :raises InvalidParameterError: for the whole datastore.
    """
    if path.is_root:
        raise InvalidParameterError("Invalid path: it names the whole datastore; name a file or a folder in it.")
    opened = open_named(workspace=workspace, name=name)
    _record(workspace, "delete_files", f"{name}: {path}", by=by, now=now)
    if opened.is_built_in:
        return artifacts.delete_files(workspace=workspace, path=BUILT_IN_FOLDER / path)
    with opened.errors_named():
        return opened.store.delete(path)


def _checked(
    name: str, kind: Kind, config: Mapping[str, str], credentials: Mapping[str, str], *, skip_validation: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return settings and credentials in order, after a look at what is behind them."""
    given, secrets = check_config(kind, config), check_credentials(kind, credentials)
    try:
        store = open_datastore(kind, given, secrets)
        if not skip_validation:
            next(iter(store.walk(ROOT)), None)
    except UnavailableError as error:
        if skip_validation:
            return given, secrets
        raise InvalidParameterError(
            f"Datastore {name!r} cannot be reached at {location_of(kind, given)}: "
            f"{_why_not(kind, error)} To register it all the same: skip_validation."
        ) from None
    return given, secrets


def _why_not(kind: Kind, error: UnavailableError) -> str:
    if kind is Kind.LOCAL or error.__cause__ is None:
        return str(error)
    return refusal_of(error) or NO_SENSE


def _make_default(workspace: Workspace, pk: int | None) -> None:
    Datastore.objects.filter(workspace=workspace, is_default=True).update(is_default=False)
    if pk is not None:
        Datastore.objects.filter(pk=pk).update(is_default=True)


def _refuse_built_in(name: str, why: str) -> None:
    if name == BUILT_IN:
        raise InvalidStateError(f"Datastore {BUILT_IN!r} {why}.")


def _record(workspace: Workspace, verb: str, what: str, *, by: User, now: datetime) -> None:
    record(by=by, verb=f"datastore.{verb}", target=f"{workspace.name}/{what}", at=now)
