"""What becomes of registered models when their workspace goes, or is going."""

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tests.tracking.api.portal.asker import Asker
from tests.tracking.cleanup.filling import ask, done
from tracking.audit.models import AuditEvent
from tracking.cleanup.models import Deletion
from tracking.cleanup.types import Kind, Target
from tracking.core.clock import utc_now
from tracking.registry.models import ModelAlias, ModelVersion, ModelVersionTag, RegisteredModel
from tracking.workspaces import access
from tracking.workspaces.services import create_lock
from tracking.workspaces.types import LockLevel

LAB = Target(Kind.WORKSPACE, workspace="lab")


def fill(caller: Caller) -> None:
    """Register a model with two versions and an alias."""
    caller.post("registered-models/create", {"name": "net", "tags": [{"key": "a", "value": "1"}]})
    for _ in range(2):
        body = {"name": "net", "source": "s3://bucket/model", "tags": [{"key": "a", "value": "1"}]}
        caller.post("model-versions/create", body)
    caller.post("registered-models/alias", {"name": "net", "alias": "best", "version": "2"})


class TestWorkspace:
    def test_takes_its_registered_models_along_and_no_others(self, people: People) -> None:
        lab = People.around("lab")
        fill(Caller(lab.ann.token, "lab"))
        fill(Caller(people.ann.token))

        plan = Asker.of(lab.ann.user).done("POST", "deletions/plan", {"kind": "workspace", "workspace": "lab"})
        deletion = done(ask(lab.ann, LAB))

        report = Deletion.objects.get(pk=deletion.pk)
        assert (plan["counts"]["registered_models"], plan["counts"]["model_versions"]) == (1, 2)
        assert report.state == "done"
        assert (report.done["registered_models"], report.done["model_versions"]) == (1, 2)
        assert [row.workspace.name for row in RegisteredModel.objects.all()] == ["default"]
        assert (ModelVersion.objects.count(), ModelVersionTag.objects.count(), ModelAlias.objects.count()) == (2, 2, 1)

    def test_that_is_going_takes_no_changes(self, people: People) -> None:
        lab = People.around("lab")
        caller = Caller(lab.ann.token, "lab")
        fill(caller)
        ask(lab.ann, LAB)

        for path, body in (
            ("registered-models/create", {"name": "other"}),
            ("model-versions/create", {"name": "net", "source": "s3://bucket/model"}),
            ("registered-models/alias", {"name": "net", "alias": "best", "version": "1"}),
            ("model-versions/set-tag", {"name": "net", "version": "1", "key": "a", "value": "2"}),
        ):
            assert caller.refused(path, body)[0] == 409
        assert (RegisteredModel.objects.count(), ModelVersion.objects.count()) == (1, 2)

    def test_with_registered_models_is_not_taken_for_empty(self, people: People) -> None:
        lab = People.around("lab")
        fill(Caller(lab.ann.token, "lab"))

        status, answer = Caller(Asker.of(lab.ann.user).token, "lab").request("DELETE", "3.0/mlflow/workspaces/lab")

        assert (status, "registered models" in answer["message"]) == (400, True)
        assert RegisteredModel.objects.count() == 1


class TestChanges:
    def test_are_refused_by_a_lock(self, people: People) -> None:
        ann = Caller(people.ann.token)
        fill(ann)
        create_lock(
            workspace=people.workspace, name="freeze", level=LockLevel.READ_ONLY, by=people.ann.user, now=utc_now()
        )
        access.forget()  # as the commit does

        assert ann.refused("registered-models/create", {"name": "other"})[0] == 403
        assert ann.get("registered-models/get?name=net")["registered_model"]["name"] == "net"

    def test_are_audited(self, people: People) -> None:
        ann = Caller(people.ann.token)
        fill(ann)
        ann.post("model-versions/transition-stage", {"name": "net", "version": "1", "stage": "Production"})
        ann.request("DELETE", "2.0/mlflow/model-versions/delete", {"name": "net", "version": "2"})
        ann.request("DELETE", "2.0/mlflow/registered-models/delete", {"name": "net"})

        events = AuditEvent.objects.filter(kind__in=("registered_model", "model_version")).order_by("pk")
        assert [(event.verb, event.target) for event in events] == [
            ("registered_model.create", "default/net"),
            ("model_version.create", "default/net/1"),
            ("model_version.create", "default/net/2"),
            ("registered_model.alias", "default/net@best to 2"),
            ("model_version.stage", "default/net/1 to Production"),
            ("model_version.delete", "default/net/2"),
            ("registered_model.delete", "default/net"),
        ]
