"""Questions about registered models and their versions."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from django.db.models import Count, Exists, OuterRef, QuerySet

from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.core.pages import Page
from tracking.core.store import rows_among
from tracking.registry.filters import registered as filters
from tracking.registry.models import ModelVersion, RegisteredModel
from tracking.registry.rules import check_alias, check_model_name, is_latest, read_version
from tracking.registry.types import Alias, RegisteredRow, Stage, VersionRow
from tracking.runs.types import Pair
from tracking.search.grammars import MODEL_VERSIONS, REGISTERED_MODELS
from tracking.search.parser import parse_filter, parse_order_by
from tracking.search.types import Entity, OrderKey
from tracking.workspaces.models import Workspace

_TAGS_OF_MODELS = "SELECT model_id, key, value FROM registered_model_tag WHERE model_id"
_TAGS_OF_VERSIONS = "SELECT version_id, key, value FROM model_version_tag WHERE version_id"
_ALIASES = (
    "SELECT alias.model_id, alias.name, version.version, version.id FROM model_alias alias "
    "JOIN model_version version ON version.id = alias.version_id WHERE alias."
)


def get_registered(*, workspace: Workspace, name: str) -> RegisteredModel:
    """Return the registered model of this name. One query.

    :raises InvalidParameterError: if nothing can have the name.
    :raises NotFoundError: if the workspace has none.
    """
    check_model_name(name)
    found = RegisteredModel.objects.filter(workspace=workspace, name=name).first()
    if found is None:
        raise NotFoundError(f"Registered Model with name={name} not found")
    return found


def get_version(*, workspace: Workspace, name: str, version: str) -> ModelVersion:
    """Return a version of a registered model, by its number as text. One query.

    :raises InvalidParameterError: if nothing can have the name, or the version is no number.
    :raises NotFoundError: if the workspace has none.
    """
    check_model_name(name)
    found = (
        ModelVersion.objects.select_related("model")
        .filter(model__workspace=workspace, model__name=name, version=read_version(version))
        .first()
    )
    if found is None:
        raise NotFoundError(f"Model Version (name={name}, version={version}) not found")
    return found


def get_version_by_alias(*, workspace: Workspace, name: str, alias: str) -> ModelVersion:
    """Return the version that an alias points to; ``latest`` is the newest. Two queries.

    :raises NotFoundError: if there is no such model, or it has no version.
    :raises InvalidParameterError: if it has no such alias; with MLflow's words.
    """
    model = get_registered(workspace=workspace, name=name)
    check_alias(alias, is_new=False)
    versions = ModelVersion.objects.select_related("model").filter(model=model)
    if is_latest(alias):
        newest = versions.order_by("-version").first()
        if newest is None:
            raise NotFoundError(f"Latest version not found for model {name}.")
        return newest
    found = versions.filter(aliases__name=alias).first()
    if found is None:
        raise InvalidParameterError(f"Registered model alias {alias} not found.")
    return found


def latest_versions(*, model: RegisteredModel, stages: Collection[Stage] = ()) -> list[VersionRow]:
    """Return the latest version of each stage (or of these), the newest first. Four queries."""
    found = _latest([model.pk])
    return _version_rows(found.filter(stage__in=stages) if stages else found)


def registered_row(model: RegisteredModel) -> RegisteredRow:
    """Return a registered model with what it carries. Seven queries."""
    return _registered_rows([model])[0]


def version_row(version: ModelVersion) -> VersionRow:
    """Return a version with what it carries. Three queries."""
    return _version_rows([version])[0]


def search_registered(
    *,
    workspace: Workspace,
    filter_text: str = "",
    order_by: Sequence[str] = (),
    page_token: str = "",
    max_results: int,
) -> Page[RegisteredRow]:
    """Return registered models, by name unless ordered otherwise; prompts only where named. Eight queries.

    :raises FilterError: if the filter or an order does not parse.
    :raises InvalidParameterError: if nothing is sorted by what an order names.
    """
    tree = parse_filter(filter_text, REGISTERED_MODELS)
    order = filters.registered_order(parse_order_by(order_by, REGISTERED_MODELS))
    found = RegisteredModel.objects.filter(filters.registered_condition(tree), workspace=workspace)
    page = order.page(found, token=page_token, limit=max_results)
    return Page(_registered_rows(page.rows), page.next_token)


def search_versions(
    *,
    workspace: Workspace,
    filter_text: str = "",
    order_by: Sequence[str] = (),
    page_token: str = "",
    max_results: int,
) -> Page[VersionRow]:
    """Return versions, the last changed first unless ordered otherwise; of prompts only where named. Four queries.

    :raises FilterError: if the filter or an order does not parse.
    :raises InvalidParameterError: if nothing is sorted by what an order names.
    """
    tree = parse_filter(filter_text, MODEL_VERSIONS)
    order = filters.version_order(parse_order_by(order_by, MODEL_VERSIONS))
    found = ModelVersion.objects.filter(filters.version_condition(tree), workspace=workspace)
    page = order.page(found, token=page_token, limit=max_results)
    return Page(_version_rows(page.rows), page.next_token)


def list_registered(
    *, workspace: Workspace, name_contains: str = "", page_token: str = "", limit: int
) -> Page[RegisteredRow]:
    """Return registered models, prompts too, by name; only those with this in their name. Eight queries.

    :raises InvalidParameterError: if the page token is none.
    """
    found = RegisteredModel.objects.filter(workspace=workspace, name__icontains=name_contains)
    page = filters.registered_order(()).page(found, token=page_token, limit=limit)
    return Page(_registered_rows(page.rows), page.next_token)


def find_registered(*, workspaces: Sequence[Workspace], text: str, limit: int) -> list[tuple[str, str]]:
    """Return (workspace, name) of registered models whose name contains a text (any case), by name. One query."""
    found = RegisteredModel.objects.filter(workspace__in=workspaces, name__icontains=text).order_by("name", "pk")
    return list(found.values_list("workspace__name", "name")[:limit])


def list_versions(*, model: RegisteredModel, page_token: str = "", limit: int) -> Page[VersionRow]:
    """Return the versions of a registered model, the newest first. Four queries.

    :raises InvalidParameterError: if the page token is none.
    """
    newest = OrderKey(Entity.ATTRIBUTE, filters.VERSION, is_ascending=False)
    page = filters.version_order([newest]).page(ModelVersion.objects.filter(model=model), token=page_token, limit=limit)
    return Page(_version_rows(page.rows), page.next_token)


def list_versions_of_run(*, workspace: Workspace, run_uid: str) -> list[VersionRow]:
    """Return the versions that come from a run, by name, the newest first. Four queries."""
    found = ModelVersion.objects.filter(workspace=workspace, run_uid=run_uid)
    return _version_rows(found.order_by("model__name", "-version"))


def versions_by_model(*, workspace: Workspace, uids: Collection[str]) -> dict[str, list[tuple[str, int]]]:
    """Return the versions, as (name, number), that were registered of these logged models, by their ids. One query.

    Looks at all versions of the workspace.
    """
    found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    rows = ModelVersion.objects.filter(workspace=workspace, model_uid__in=uids).order_by("model__name", "-version")
    for uid, name, number in rows.values_list("model_uid", "model__name", "version"):
        found[uid].append((name, number))
    return found


def _latest(model_pks: Collection[int]) -> QuerySet[ModelVersion]:
    newer = ModelVersion.objects.filter(
        model=OuterRef("model"), stage=OuterRef("stage"), version__gt=OuterRef("version")
    )
    return ModelVersion.objects.filter(~Exists(newer), model__in=model_pks).order_by("model", "-version")


def _registered_rows(models: Sequence[RegisteredModel]) -> list[RegisteredRow]:
    pks = [model.pk for model in models]
    tags = _pairs(_TAGS_OF_MODELS, pks)
    aliases: defaultdict[int, list[Alias]] = defaultdict(list)
    for model_id, name, number, _ in rows_among(f"{_ALIASES}model_id", pks):
        aliases[model_id].append(Alias(name, number))
    counted = ModelVersion.objects.filter(model__in=pks).values("model").annotate(count=Count("pk"))
    counts = dict(counted.values_list("model", "count"))
    latest: defaultdict[str, list[VersionRow]] = defaultdict(list)
    for row in _version_rows(_latest(pks)) if pks else ():
        latest[row.model_name].append(row)
    return [
        RegisteredRow(
            pk=model.pk,
            name=model.name,
            description=model.description,
            user_name=model.user_name,
            created_at=model.created_at,
            updated_at=model.updated_at,
            tags=tuple(tags[model.pk]),
            aliases=tuple(sorted(aliases[model.pk], key=lambda alias: alias.name)),
            version_count=counts.get(model.pk, 0),
            latest=tuple(latest[model.name]),
        )
        for model in models
    ]


def _version_rows(versions: Iterable[ModelVersion]) -> list[VersionRow]:
    found = list(versions)
    pks = [version.pk for version in found]
    names = dict(RegisteredModel.objects.filter(pk__in={one.model_id for one in found}).values_list("pk", "name"))
    tags = _pairs(_TAGS_OF_VERSIONS, pks)
    aliases: defaultdict[int, list[str]] = defaultdict(list)
    for _, name, _, version_id in rows_among(f"{_ALIASES}version_id", pks):
        aliases[version_id].append(name)
    return [
        VersionRow(
            pk=version.pk,
            model_name=names[version.model_id],
            version=version.version,
            description=version.description,
            stage=Stage(version.stage),
            source=version.source,
            location=version.location,
            run_uid=version.run_uid,
            run_link=version.run_link,
            model_uid=version.model_uid,
            user_name=version.user_name,
            created_at=version.created_at,
            updated_at=version.updated_at,
            tags=tuple(tags[version.pk]),
            aliases=tuple(sorted(aliases[version.pk])),
        )
        for version in found
    ]


def _pairs(select: str, pks: Sequence[int]) -> defaultdict[int, list[Pair]]:
    by_pk: defaultdict[int, list[Pair]] = defaultdict(list)
    for pk, key, value in sorted(rows_among(select, pks)):
        by_pk[pk].append(Pair(key, value))
    return by_pk
