"""Registered models and their versions on the move: what their sources mean elsewhere, written and compared.

A version's number is part of its name. So versions are made in their order, and numbers whose versions were deleted at
the source are given, and their versions deleted, here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from mlportal._mlflow import MlflowApi
from mlportal.errors import MlportalError
from mlportal.migration.lease import NAME as LEASE
from mlportal.migration.records import SourceModel, SourceRegistered, SourceRun, SourceVersion
from mlportal.migration.report import FAILED, Outcome
from mlportal.migration.server_source import registered_at

SOURCE_ID, OURS = "mlportal.import.source", "mlportal.import."
PLACEHOLDERS = ("dummy-source", "prompt-template")  # MLflow's, of prompts, which have no files
UNSTAGED = "None"


def portable(
    found: Iterable[SourceRegistered], runs: Iterable[SourceRun], models: Iterable[SourceModel]
) -> list[SourceRegistered]:
    """Return registered models whose versions name the runs and logged models that they come from, not their folders.

    A source becomes ``runs:/<run>/<path>``, ``models:/<model id>`` or stays a place elsewhere; "" where it leads to
    nothing that the source still has.
    """
    roots = {run.run_id: run.artifact_uri for run in runs}
    roots |= {model.model_id: model.artifact_uri for model in models}
    named = {one.name: one for one in found if one.name != LEASE}
    by_number = {f"{one.name}/{version.version}": version for one in named.values() for version in one.versions}

    def moved(version: SourceVersion) -> SourceVersion:
        origin = version
        for _ in by_number:  # a version of a version is of what that is
            name = origin.source[len("models:/") :] if origin.source.startswith("models:/") else ""
            if name not in by_number:
                break
            origin = by_number[name]
        return replace(version, source=_portable(origin, roots))

    return [replace(one, versions=tuple(moved(version) for version in one.versions)) for one in named.values()]


def _portable(version: SourceVersion, roots: Mapping[str, str]) -> str:
    source = version.source
    scheme, _, rest = source.partition(":/")
    if scheme in ("runs", "models"):
        return source if rest.strip("/").partition("/")[0] in roots else ""
    if version.run_id in roots:
        root, path = _plain(roots[version.run_id]), _plain(source)
        if root and f"{path}/".startswith(f"{root}/"):
            return f"runs:/{version.run_id}/{path[len(root) :].strip('/')}".rstrip("/")
    if version.model_id in roots and _plain(source) == _plain(roots[version.model_id]):
        return f"models:/{version.model_id}"
    is_elsewhere = "://" in source and scheme != "file" and "mlflow-artifacts" not in source
    return source if is_elsewhere or source in PLACEHOLDERS else ""


def _plain(address: str) -> str:
    """Return an address without the ways in which the same folder is written differently."""
    parts = urlsplit(address)
    return unquote(parts.path).rstrip("/") if parts.scheme in ("", "file") else address.rstrip("/")


class RegistryWriter:
    """Writes registered models into one workspace. ``runs`` and ``models``: source id -> id here."""

    def __init__(self, mlflow: MlflowApi, runs: Mapping[str, str], models: Mapping[str, str]) -> None:
        self._mlflow = mlflow
        self._runs = runs
        self._models = models
        self._here: dict[str, SourceRegistered] = {}

    def write_all(self, models: Iterable[SourceRegistered]) -> Iterable[Outcome]:
        """Bring registered models to what their source says and compare; yield what became of each and its versions."""
        self._here = {one.name: one for one in registered_at(self._mlflow)}
        for model in models:
            outcome = Outcome("registered model", "", model.name, model.name)
            versions = [Outcome("version", "", _id(one), _id(one)) for one in model.versions]
            try:
                self._write(model, outcome, versions)
            except MlportalError as error:
                outcome.problems.append(str(error))
                outcome.state = FAILED
            yield from (outcome, *versions)

    def _write(self, model: SourceRegistered, outcome: Outcome, versions: list[Outcome]) -> None:
        here = self._here.get(model.name)
        is_new = here is None
        if here is None:
            here = SourceRegistered(model.name, model.description, model.tags, {}, ())
            body = {"name": model.name, "description": model.description, "tags": _pairs(model.tags)}
            self._mlflow.post("registered-models/create", body, may_repeat=False)
            outcome.sent += 1
        had = {version.version: version for version in here.versions if not self._drop_unfinished(version)}
        for version, told in zip(model.versions, versions):
            self._write_version(version, had.get(version.version), told)
        self._write_texts("registered-models", {"name": model.name}, model, here, outcome)
        lost = {one.source_id for one in versions if one.state == FAILED}
        for alias, number in model.aliases.items():
            if here.aliases.get(alias) != number and f"{model.name}/{number}" not in lost:
                body = {"name": model.name, "alias": alias, "version": str(number)}
                self._mlflow.post("registered-models/alias", body)
                outcome.sent += 1
        self._compare(model, outcome, versions)
        outcome.finish(is_new=is_new)

    def _drop_unfinished(self, version: SourceVersion) -> bool:
        """Delete a version that holds the place of another number, if it is one; tell whether it was."""
        is_one = version.tags.get(SOURCE_ID, _id(version)) != _id(version)
        if is_one:
            self._mlflow.change("DELETE", "model-versions/delete", _named(version))
        return is_one

    def _write_version(self, version: SourceVersion, here: SourceVersion | None, outcome: Outcome) -> None:
        """Make a version, or complete it."""
        wanted = self._wanted(version)
        is_new = here is None
        if here is not None and SOURCE_ID not in here.tags:
            outcome.problems.append("a version of this number was here before, and is another one; rename its model")
        elif wanted is None:
            outcome.problems.append("its files are not among what was imported: the source has them no more")
        elif here is None and not self._create(wanted):
            outcome.problems.append("its number was given here already, to a version since deleted")
        else:
            outcome.sent += is_new
            here = here or replace(wanted, stage=UNSTAGED)
            self._write_texts("model-versions", _named(wanted), wanted, here, outcome)
            if here.stage != wanted.stage:
                self._mlflow.post("model-versions/transition-stage", {**_named(wanted), "stage": wanted.stage})
                outcome.sent += 1
        outcome.finish(is_new=is_new)

    def _create(self, wanted: SourceVersion) -> bool:
        """Make a version, behind those whose numbers the source gave and took back; tell whether it was possible."""
        body = {
            **_named(wanted),
            "source": wanted.source,
            "run_id": wanted.run_id,
            "model_id": wanted.model_id,
            "run_link": wanted.run_link,
            "description": wanted.description,
            "tags": _pairs({**wanted.tags, SOURCE_ID: _id(wanted)}),
        }
        while True:
            made = self._mlflow.post("model-versions/create", body, may_repeat=False)["model_version"]
            number = int(made["version"])
            if number == wanted.version:
                return True
            self._mlflow.change("DELETE", "model-versions/delete", {"name": wanted.name, "version": str(number)})
            if number > wanted.version:
                return False

    def _write_texts(
        self,
        path: str,
        named: Mapping[str, str],
        wanted: SourceRegistered | SourceVersion,
        here: SourceRegistered | SourceVersion,
        outcome: Outcome,
    ) -> None:
        if here.description != wanted.description:
            self._mlflow.change("PATCH", f"{path}/update", {**named, "description": wanted.description})
            outcome.sent += 1
        for key, value in wanted.tags.items():
            if here.tags.get(key) != value:
                self._mlflow.post(f"{path}/set-tag", {**named, "key": key, "value": value})
                outcome.sent += 1

    def _compare(self, model: SourceRegistered, outcome: Outcome, versions: list[Outcome]) -> None:
        here = next(one for one in registered_at(self._mlflow, name=model.name))
        outcome.problems += _differing(model, here, ("description",))
        had = {version.version: version for version in here.versions}
        for version, told in zip(model.versions, versions):
            wanted = self._wanted(version)
            if told.state != FAILED and wanted is not None:
                told.problems += _differing(
                    wanted, had.get(version.version), ("description", "stage", "source", "run_id", "run_link")
                )
                told.state = FAILED if told.problems else told.state
        for alias, number in model.aliases.items():
            if here.aliases.get(alias) != number:
                outcome.problems.append(
                    f"alias {alias!r}: version {number} at the source, {here.aliases.get(alias)} here"
                )

    def _wanted(self, version: SourceVersion) -> SourceVersion | None:
        """Return what a version becomes here; None where its files did not come along."""
        scheme, _, rest = version.source.partition(":/")
        owner_id, _, path = rest.partition("/")
        tags = {key: value for key, value in version.tags.items() if not key.startswith(OURS)}
        run_id = self._runs.get(version.run_id, version.run_id)
        model_id = self._models.get(version.model_id, "")
        if scheme == "runs":
            if owner_id not in self._runs:
                return None
            run_id = self._runs[owner_id]
            return replace(version, source=f"runs:/{run_id}/{path}", run_id=run_id, model_id="", tags=tags)
        if scheme == "models":
            if owner_id not in self._models:
                return None
            model_id = self._models[owner_id]
            return replace(version, source=f"models:/{model_id}", run_id=run_id, model_id=model_id, tags=tags)
        return replace(version, run_id=run_id, model_id=model_id, tags=tags) if version.source else None


def _id(version: SourceVersion) -> str:
    return f"{version.name}/{version.version}"


def _named(version: SourceVersion) -> dict[str, str]:
    return {"name": version.name, "version": str(version.version)}


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _differing(
    wanted: SourceRegistered | SourceVersion, here: SourceRegistered | SourceVersion | None, fields: Iterable[str]
) -> list[str]:
    if here is None:
        return ["it is missing here"]
    told: dict[str, tuple[Any, Any]] = {field: (getattr(wanted, field), getattr(here, field)) for field in fields}
    told |= {f"tag {key!r}": (value, here.tags.get(key)) for key, value in wanted.tags.items()}
    return [f"{what}: {str(one)[:80]!r} at the source, {str(other)[:80]!r} here" for what, (one, other) in told.items()
            if one != other]  # fmt: skip
