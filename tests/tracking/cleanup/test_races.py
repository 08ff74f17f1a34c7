"""What is under way while a deletion is accepted: nothing is written after the commit that marks its target."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection
from django.db.models import Sum

from tests.support.people import People
from tests.tracking.cleanup.filling import a_run, an_experiment, ask, done, points, runs_target
from tracking.cleanup.models import Deletion
from tracking.cleanup.types import Kind, Target
from tracking.core.clock import utc_now
from tracking.core.errors import ConflictError
from tracking.metrics.models import MetricSegment, MetricSeries
from tracking.metrics.services import log_batch
from tracking.runs.models import Run
from tracking.runs.services import create_run

WRITERS = 2


@pytest.fixture
def crowd(transactional_db: None) -> People:
    """Return people whose transactions are seen by other threads."""
    return People.around()


class Writers:
    """Threads that write until they are refused."""

    def __init__(self, write: Callable[[], object]) -> None:
        self.write = write
        self.refusals: list[str] = []
        self.has_written = threading.Event()
        self.pool = ThreadPoolExecutor(WRITERS)
        self.all = [self.pool.submit(self._work) for _ in range(WRITERS)]

    def wait(self) -> None:
        """Wait until all were refused; raises what else went wrong."""
        for one in self.all:
            one.result(timeout=120)
        self.pool.shutdown()

    def _work(self) -> None:
        try:
            while True:
                try:
                    self.write()
                    self.has_written.set()
                except OperationalError:  # SQLite was busy: the client tries again
                    continue
        except ConflictError as error:
            self.refusals.append(str(error))
        finally:
            connection.close()


def received() -> int:
    """Return how many points there are. Segments are no measure of it: compaction makes one of many."""
    return MetricSeries.objects.aggregate(points=Sum("received"))["points"] or 0


class TestAcceptedDeletion:
    @pytest.mark.parametrize("kind", [Kind.RUN, Kind.WORKSPACE])
    def test_is_followed_by_no_point(self, crowd: People, kind: Kind) -> None:
        run = a_run(an_experiment(crowd.workspace, "one"))
        targets = {
            Kind.RUN: runs_target(run),
            Kind.WORKSPACE: Target(Kind.WORKSPACE, workspace="default"),
        }
        writers = Writers(lambda: log_batch(run=run, metrics=points(), params=[], tags=[]))
        writers.has_written.wait(60)

        deletion = ask(crowd.ann, targets[kind])

        count = received()
        writers.wait()
        assert received() == count > 1
        assert all(deletion.uid in refusal for refusal in writers.refusals)
        assert len(writers.refusals) == WRITERS
        done(deletion)
        assert not MetricSegment.objects.exists() and not MetricSeries.objects.exists()

    def test_is_followed_by_no_run(self, crowd: People) -> None:
        experiment = an_experiment(crowd.workspace, "one")
        start = {"name": "", "user_name": "", "started_at": utc_now(), "tags": []}
        writers = Writers(lambda: create_run(experiment=experiment, **start))  # type: ignore[arg-type]
        writers.has_written.wait(60)

        deletion = ask(crowd.ann, Target(Kind.WORKSPACE, workspace="default"))

        count = Run.objects.count()
        writers.wait()
        assert Run.objects.count() == count > 0
        done(deletion)
        assert not Run.objects.exists()

    def test_is_one_however_many_ask(self, crowd: People) -> None:
        target = runs_target(a_run(an_experiment(crowd.workspace, "one")))

        def asked(_: int) -> str:
            try:
                return ask(crowd.ann, target).uid
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            uids = set(pool.map(asked, range(8)))

        assert uids == {Deletion.objects.get().uid}
