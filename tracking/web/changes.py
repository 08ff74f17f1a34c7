"""What people change about one run or one experiment: its name, its note, its tags, and that it is deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from tracking.core.clock import utc_now
from tracking.core.errors import InvalidParameterError
from tracking.runs import services
from tracking.runs.queries import get_experiment, get_run
from tracking.runs.rules import check_length
from tracking.runs.types import MAX_RUN_TAG_VALUE, NOTE_TAG, Pair
from tracking.web.base import credential_of, workspace_page
from tracking.web.form_actions import carry_out
from tracking.web.links import path_or
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Experiment, Run
    from tracking.workspaces.models import Workspace


@require_POST
@workspace_page(need=Permission.WRITE)
def change_run(request: HttpRequest, workspace: Workspace, uid: str) -> HttpResponse:
    """Carry out one of ``RUN_CHANGES``. Leads to ``next``, or to the run."""
    carry_out(request, RUN_CHANGES, request, get_run(workspace=workspace, uid=uid))
    return redirect(path_or(request.POST.get("next", ""), "web:run_detail", workspace.name, uid))


@require_POST
@workspace_page(need=Permission.WRITE)
def change_experiment(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponse:
    """Carry out one of ``EXPERIMENT_CHANGES``. Leads to ``next``, or to the experiment."""
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    carry_out(request, EXPERIMENT_CHANGES, request, experiment)
    return redirect(path_or(request.POST.get("next", ""), "web:experiment_detail", workspace.name, experiment.pk))


def text_field(request: HttpRequest, name: str) -> str:
    """Return what a text area was filled with; browsers send its line ends as CR LF."""
    return request.POST.get(name, "").replace("\r\n", "\n")


def tag_field(request: HttpRequest) -> Pair:
    """Return the tag that a form sets.

    :raises InvalidParameterError: if it has no name.
    """
    key = request.POST.get("key", "").strip()
    if not key:
        raise InvalidParameterError(gettext("A tag needs a name."))
    return Pair(key, request.POST.get("value", ""))


def name_field(request: HttpRequest) -> str:
    """Return the new name that a form gives.

    :raises InvalidParameterError: if it gives none.
    """
    name = request.POST.get("name", "").strip()
    if not name:
        raise InvalidParameterError(gettext("A name cannot be empty."))
    return name


def tag_set(key: str) -> str:
    """Say that a tag was set."""
    return gettext("The tag %(key)s is set.") % {"key": key}


def tag_gone(key: str) -> str:
    """Say that a tag was removed."""
    return gettext("The tag %(key)s is gone.") % {"key": key}


# ---- a run ---------------------------------------------------------------------------------------------------------


def _rename_run(request: HttpRequest, run: Run) -> str:
    name = name_field(request)
    services.update_run(run=run, status=None, ended_at=None, name=name)
    return gettext("It is called %(name)s now.") % {"name": name}


def _describe_run(request: HttpRequest, run: Run) -> str:
    text = text_field(request, "note")
    check_length(text, field="note", most=MAX_RUN_TAG_VALUE)
    services.set_tags(run=run, tags=[Pair(NOTE_TAG, text)])
    return gettext("The note is saved.")


def _tag_run(request: HttpRequest, run: Run) -> str:
    tag = tag_field(request)
    check_length(tag.value, field="value", most=MAX_RUN_TAG_VALUE)
    services.set_tags(run=run, tags=[tag])
    return tag_set(tag.key)


def _untag_run(request: HttpRequest, run: Run) -> str:
    key = request.POST.get("key", "")
    services.delete_tag(run=run, key=key)
    return tag_gone(key)


def _restore_run(request: HttpRequest, run: Run) -> str:
    services.restore_run(run=run, by=credential_of(request).user, now=utc_now())
    return gettext("The run is restored.")


RUN_CHANGES: Mapping[str, Callable[[HttpRequest, Run], str]] = {
    "rename": _rename_run,
    "describe": _describe_run,
    "set_tag": _tag_run,
    "delete_tag": _untag_run,
    "restore": _restore_run,
}


# ---- an experiment -------------------------------------------------------------------------------------------------


def _rename_experiment(request: HttpRequest, experiment: Experiment) -> str:
    name = name_field(request)
    services.rename_experiment(experiment=experiment, name=name, by=credential_of(request).user, now=utc_now())
    return gettext("It is called %(name)s now.") % {"name": name}


def _describe_experiment(request: HttpRequest, experiment: Experiment) -> str:
    tag = Pair(NOTE_TAG, text_field(request, "note"))
    services.set_experiment_tag(experiment=experiment, tag=tag, now=utc_now())
    return gettext("The note is saved.")


def _tag_experiment(request: HttpRequest, experiment: Experiment) -> str:
    tag = tag_field(request)
    services.set_experiment_tag(experiment=experiment, tag=tag, now=utc_now())
    return tag_set(tag.key)


def _untag_experiment(request: HttpRequest, experiment: Experiment) -> str:
    key = request.POST.get("key", "")
    services.delete_experiment_tag(experiment=experiment, key=key, now=utc_now())
    return tag_gone(key)


def _restore_experiment(request: HttpRequest, experiment: Experiment) -> str:
    services.restore_experiment(experiment=experiment, by=credential_of(request).user, now=utc_now())
    return gettext("The experiment is restored, with all its runs.")


EXPERIMENT_CHANGES: Mapping[str, Callable[[HttpRequest, Experiment], str]] = {
    "rename": _rename_experiment,
    "describe": _describe_experiment,
    "set_tag": _tag_experiment,
    "delete_tag": _untag_experiment,
    "restore": _restore_experiment,
}
