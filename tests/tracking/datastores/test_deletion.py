"""What becomes of datastores when their workspace goes."""

from pathlib import Path

from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tests.tracking.cleanup.filling import ask, done, files_of
from tests.tracking.datastores.conftest import local_body
from tracking.artifacts.paths import ArtifactPath
from tracking.cleanup.models import Deletion
from tracking.cleanup.types import Kind, Target
from tracking.datastores.models import Datastore
from tracking.datastores.services import put_file
from tracking.datastores.types import BUILT_IN

LAB = Target(Kind.WORKSPACE, workspace="lab")


class TestWorkspace:
    def test_takes_its_datastores_along_and_only_the_bytes_of_its_own(self, people: People, tmp_path: Path) -> None:
        lab = People.around("lab")
        ann = Asker.of(lab.ann.user)
        ann.done("POST", "workspaces/lab/datastores", local_body(tmp_path))
        ann.done("POST", "workspaces/default/datastores", local_body(tmp_path))
        for name in (BUILT_IN, "data"):
            put_file(
                workspace=lab.workspace, name=name, path=ArtifactPath.parse("a/b.txt"), chunks=[b"x"], size_bytes=1
            )

        plan = ann.done("POST", "deletions/plan", {"kind": "workspace", "workspace": "lab"})
        deletion = done(ask(lab.ann, LAB))

        report = Deletion.objects.get(pk=deletion.pk)
        assert (plan["counts"]["datastores"], plan["counts"]["artifacts"]) == (1, 1)
        assert (report.state, report.done["datastores"], report.done["artifacts"]) == ("done", 1, 1)
        assert (tmp_path / "shared" / "data" / "a" / "b.txt").read_bytes() == b"x"
        assert files_of(lab.workspace) == []
        assert [row.workspace.name for row in Datastore.objects.all()] == ["default"]

    def test_with_files_in_its_datastore_is_not_taken_for_empty(self, people: People) -> None:
        lab = People.around("lab")
        put_file(workspace=lab.workspace, name=BUILT_IN, path=ArtifactPath.parse("a.txt"), chunks=[b"x"], size_bytes=1)

        status, answer = _delete_by_mlflow(Asker.of(lab.ann.user))

        assert (status, BUILT_IN in answer) == (400, True)


def _delete_by_mlflow(asker: Asker) -> tuple[int, str]:
    from django.test import Client

    response = Client().delete("/api/3.0/mlflow/workspaces/lab", headers={"Authorization": f"Bearer {asker.token}"})
    return response.status_code, response.content.decode()
