"""What artifacts take: measured anew when the count may be wrong."""

from datetime import timedelta

import pytest

from tests.support.people import People
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.services import measure_usage, put_file
from tracking.core.clock import utc_now
from tracking.core.errors import QuotaExceededError
from tracking.workspaces.models import Workspace, WorkspaceUsage
from tracking.workspaces.queries import count_artifact_bytes

FILE = ArtifactPath.parse("1/run/artifacts/a")


class TestMeasureUsage:
    def test_corrects_a_wrong_count_once_a_day(self, people: People) -> None:
        put_file(workspace=people.workspace, path=FILE, chunks=[b"12345"], size_bytes=5)
        WorkspaceUsage.objects.update(artifact_bytes=1_000_000)
        now = utc_now()

        measured = [measure_usage(now=now), measure_usage(now=now + timedelta(hours=1))]

        assert measured == [1, 0]
        assert count_artifact_bytes(workspace=people.workspace) == 5
        assert measure_usage(now=now + timedelta(hours=25)) == 1

    def test_finds_a_workspace_that_was_never_counted(self, people: People) -> None:
        put_file(workspace=people.workspace, path=FILE, chunks=[b"12345"], size_bytes=5)
        WorkspaceUsage.objects.all().delete()

        measure_usage(now=utc_now())

        assert count_artifact_bytes(workspace=people.workspace) == 5


class TestPutFile:
    def test_of_unknown_size_is_cut_where_it_passes_the_quota_and_leaves_nothing(self, people: People) -> None:
        workspace = people.workspace
        Workspace.objects.update(quota_bytes=10)

        with pytest.raises(QuotaExceededError, match="may hold 10 bytes"):
            put_file(workspace=workspace, path=FILE, chunks=[b"123456", b"123456"], size_bytes=None)

        put_file(workspace=workspace, path=FILE, chunks=[b"123456"], size_bytes=None)
        assert count_artifact_bytes(workspace=workspace) == 6
