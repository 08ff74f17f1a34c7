"""The room that a deletion leaves in an SQLite file."""

import pytest
from django.db import connection

from tests.support.people import People
from tests.tracking.cleanup.filling import a_run, an_experiment, ask, done, experiment_target
from tracking.cleanup.services import advance
from tracking.cleanup.space import PAGES_KEPT, compact_database
from tracking.cleanup.types import State
from tracking.core.clock import utc_now
from tracking.core.errors import InvalidStateError
from tracking.metrics.models import MetricSegment

PAGE = 4096


def pragma(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return int(cursor.fetchone()[0])


@pytest.mark.skipif("connection.vendor != 'sqlite'")
class TestSpace:
    def test_comes_back_but_for_what_is_written_to_next(self, people: People) -> None:
        experiment = an_experiment(people.workspace, "large")
        run = a_run(experiment)
        MetricSegment.objects.bulk_create(MetricSegment(run=run, payload=bytes(2 * PAGE)) for _ in range(2_000))
        before = pragma("page_count")

        report = done(ask(people.ann, experiment_target(experiment))).report

        assert report is not None
        assert before - pragma("page_count") > 4_000
        assert report["bytes"]["file"] == (before - pragma("page_count")) * PAGE
        assert pragma("freelist_count") <= PAGES_KEPT + 10  # the report was written since

    def test_comes_back_however_often_the_work_is_cut_off(self, people: People) -> None:
        run = a_run(an_experiment(people.workspace, "large"))
        MetricSegment.objects.bulk_create(MetricSegment(run=run, payload=bytes(2 * PAGE)) for _ in range(1_000))
        before = pragma("page_count")
        deletion = ask(people.ann, experiment_target(run.experiment))

        while deletion.state != State.DONE:
            advance(deletion_id=deletion.pk, owner="test", clock=utc_now, slice_s=0.05)
            deletion.refresh_from_db()

        assert before - pragma("page_count") > 1_500
        assert deletion.report is not None
        assert deletion.report["bytes"]["file"] == (before - pragma("page_count")) * PAGE

    def test_of_a_small_deletion_is_kept_for_what_comes_next(self, people: People) -> None:
        experiment = an_experiment(people.workspace, "small")
        a_run(experiment)
        before = pragma("page_count")

        report = done(ask(people.ann, experiment_target(experiment))).report

        assert report is not None
        assert report["bytes"]["file"] == 0
        assert pragma("page_count") == before


@pytest.mark.skipif("connection.vendor == 'sqlite'")
class TestPostgres:
    def test_sees_to_its_space_itself(self, people: People) -> None:
        experiment = an_experiment(people.workspace, "any")
        a_run(experiment)

        report = done(ask(people.ann, experiment_target(experiment))).report

        assert report is not None
        assert report["bytes"]["file"] == 0
        with pytest.raises(InvalidStateError, match="autovacuum"):
            compact_database()
