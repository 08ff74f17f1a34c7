"""The way from data to aliases, on the page of a run and on that of a version."""

from html.parser import HTMLParser

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tests.tracking.web.filling import add_experiment
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.registry.services import create_model, log_inputs
from tracking.runs.models import Experiment, Run
from tracking.runs.services import create_run, delete_run, log_datasets
from tracking.runs.types import CONTEXT_TAG, DatasetLogged, Pair
from tracking.web.lineage import MAX_NODES, MAX_SHOWN, MAX_USES


class Graph(HTMLParser):
    """Reads a graph: how deep each node is, which kind, which name. ``here``: the one that the page is about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.nodes: list[tuple[int, str, str]] = []
        self.links: list[str] = []
        self.here = ""
        self._depth = 0
        self._kind: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._depth += tag == "ul"
        if tag == "bdi":
            self._kind = ""
        if tag == "a":
            name = found["title"] or ""
            self.nodes.append((self._depth, self._kind or "", name))
            self.links.append(found["href"] or "")
            self.here = name if "aria-current" in found else self.here

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "ul"

    def handle_data(self, data: str) -> None:
        self._kind = self._kind or data


def graph_of(client: Client, path: str) -> Graph:
    page = client.get(path).content.decode()
    start = page.index("data-lineage>")
    return Graph(page[start : page.index("</section>", start)])


@pytest.fixture
def bob(client: Client, people: People) -> Client:
    client.force_login(people.bob.user)
    return client


@pytest.fixture
def caller(people: People) -> Caller:
    return Caller(people.ann.token)


@pytest.fixture
def experiment(people: People) -> Experiment:
    return add_experiment(people.workspace, "digits")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return start(experiment, "trainer")


def start(experiment: Experiment, name: str) -> Run:
    return create_run(experiment=experiment, name=name, user_name="ann", started_at=utc_now(), tags=[])


def make(experiment: Experiment, name: str, source: Run | None) -> str:
    """Log a model; return its id."""
    made = create_model(
        experiment=experiment, name=name, model_type="", source_run=source, params=[], tags=[], now=utc_now()
    )
    return made.uid


def register(caller: Caller, name: str, uid: str) -> None:
    """Register a logged model under a name that is new, as its champion."""
    caller.post("registered-models/create", {"name": name})
    caller.post("model-versions/create", {"name": name, "source": f"models:/{uid}", "model_id": uid})
    caller.post("registered-models/alias", {"name": name, "alias": "champion", "version": "1"})


@pytest.fixture
def whole(caller: Caller, experiment: Experiment, run: Run) -> str:
    """Return a model from a dataset and a teacher, that is registered and that another run used."""
    given = DatasetLogged("flowers", "abc", "s3", "{}", "", "", (Pair(CONTEXT_TAG, "training"),))
    log_datasets(run=run, datasets=[given])
    log_inputs(run=run, datasets=[], model_uids=[make(experiment, "teacher", None)])
    uid = make(experiment, "student", run)
    register(caller, "net", uid)
    log_inputs(run=start(experiment, "judge"), datasets=[], model_uids=[uid])
    return uid


WAY = [
    (1, "Logged model · Uploading", "teacher"),
    (1, "Dataset · training", "flowers"),
    (1, "Run", "trainer"),
    (2, "Logged model · Uploading", "student"),
    (3, "Version 1 of", "net"),
    (4, "Alias", "champion"),
    (3, "Used by run", "judge"),
]


class TestRun:
    def test_shows_what_went_in_and_what_came_of_it(self, bob: Client, run: Run, whole: str) -> None:
        graph = graph_of(bob, f"/w/default/runs/{run.uid}")

        assert (graph.nodes, graph.here) == (WAY, "trainer")

    def test_has_no_graph_without_a_model(self, bob: Client, run: Run) -> None:
        assert "data-lineage" not in bob.get(f"/w/default/runs/{run.uid}").content.decode()

    def test_shows_first_what_was_registered_and_says_how_much_is_folded(
        self, bob: Client, caller: Caller, experiment: Experiment, run: Run
    ) -> None:
        uids = [make(experiment, f"epoch {number}", run) for number in range(MAX_SHOWN + 3)]
        register(caller, "net", uids[-1])

        page = bob.get(f"/w/default/runs/{run.uid}").content.decode()
        models = [node[2] for node in graph_of(bob, f"/w/default/runs/{run.uid}").nodes if "Logged" in node[1]]

        assert (models[0], len(models), "and 3 more" in page) == (f"epoch {MAX_SHOWN + 2}", MAX_SHOWN + 3, True)
        assert "not shown" not in page

    def test_says_what_is_left_out(self, bob: Client, experiment: Experiment, run: Run) -> None:
        for number in range(MAX_NODES + 2):
            make(experiment, f"epoch {number}", run)

        page = bob.get(f"/w/default/runs/{run.uid}").content.decode()

        assert (f"and {MAX_NODES - MAX_SHOWN + 2} more" in page, "2 more are not shown" in page) == (True, True)

    def test_counts_all_that_used_a_model(self, bob: Client, experiment: Experiment, run: Run) -> None:
        uid = make(experiment, "student", run)
        for number in range(MAX_USES + 2):
            log_inputs(run=start(experiment, f"judge {number}"), datasets=[], model_uids=[uid])

        page = bob.get(f"/w/default/runs/{run.uid}").content.decode()

        assert (page.count("Used by run"), f"and {MAX_USES + 2 - MAX_SHOWN} more" in page) == (MAX_USES, True)
        assert "2 more are not shown" in page

    def test_costs_the_same_for_ten_more_of_everything(
        self, bob: Client, caller: Caller, experiment: Experiment, run: Run, whole: str,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:  # fmt: skip
        path = f"/w/default/runs/{run.uid}"
        Memory.forget_all()
        with django_assert_max_num_queries(40) as before:
            bob.get(path)
        cost = len(before)  # the next request forgets them
        for number in range(10):
            uid = make(experiment, f"epoch {number}", run)
            register(caller, f"net {number}", uid)
            log_inputs(run=start(experiment, f"judge {number}"), datasets=[], model_uids=[uid])

        Memory.forget_all()
        with django_assert_max_num_queries(cost):
            assert len(graph_of(bob, path).nodes) > len(WAY) + 10


class TestVersion:
    def test_shows_the_same_way(self, bob: Client, whole: str) -> None:
        graph = graph_of(bob, "/w/default/models/net/versions/1")

        assert (graph.nodes, graph.here) == (WAY, "net")

    def test_leaves_out_what_is_gone(self, bob: Client, people: People, run: Run, whole: str) -> None:
        for judge in Run.objects.filter(name="judge"):
            delete_run(run=judge, by=people.ann.user, now=utc_now())

        names = [name for _, _, name in graph_of(bob, "/w/default/models/net/versions/1").nodes]

        assert names == ["teacher", "flowers", "trainer", "student", "net", "champion"]

    def test_leads_somewhere_from_each_node(self, bob: Client, whole: str) -> None:
        for link in graph_of(bob, "/w/default/models/net/versions/1").links:
            assert bob.get(link).status_code == 200
