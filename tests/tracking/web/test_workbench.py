"""The table on an experiment's page: columns, groups, a baseline, curves in cells, what is done with many runs."""

import csv
import io
import json
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.audit.models import AuditEvent
from tracking.core.clock import utc_now
from tracking.runs.models import Experiment, Run, RunTag
from tracking.saved_views.models import SavedView
from tracking.web.exports import ROWS_A_READ

Page = Callable[..., str]


@pytest.fixture
def experiment(people: People) -> Experiment:
    """Return an experiment of six runs: two optimizers, three seeds each; the last one has no accuracy."""
    found = add_experiment(people.workspace, "digits")
    for seed in range(6):
        metrics = {"loss": [3.0, 1.0 + seed, 2.0 + seed]} | ({"acc": [0.1 * seed]} if seed < 5 else {})
        params = {"optimizer": "adam" if seed % 2 else "sgd", "seed": str(seed), "same": "yes"}
        add_run(found, f"run {seed}", metrics=metrics, params=params, hours_ago=seed + 1)
    return found


@pytest.fixture
def url(experiment: Experiment) -> str:
    return f"/w/default/experiments/{experiment.pk}"


@pytest.fixture
def page(client: Client, people: People, url: str) -> Page:
    """Return Bob's way to the page: ``page(filter="…")`` is its HTML."""
    client.force_login(people.bob.user)

    def get(**query: str | list[str]) -> str:
        response = client.get(url, query)
        assert response.status_code == 200
        return response.content.decode()

    return get


def cells(html: str, row: int = 0) -> list[str]:
    """Return the texts of the cells of a row, tags taken out."""
    body = re.findall(r"<tr.*?</tr>", html[html.index("<tbody>") :], re.S)[row]
    return [
        re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", "", cell))).strip()
        for cell in re.findall(r"<t[dh].*?</t[dh]>", body, re.S)
    ]


def run(name: str) -> Run:
    return Run.objects.get(name=name)


class TestColumns:
    def test_show_the_statistic_that_was_asked_for(self, page: Page) -> None:
        html = page(columns=["metrics.loss", "min(metrics.loss)", "max(metrics.loss)"], filter="run_name = 'run 0'")

        assert cells(html)[3:6] == ["2", "1", "3"]

    def test_show_only_what_differs_when_asked(self, page: Page) -> None:
        html = page(columns=["params.same", "params.seed", "metrics.loss"], differ="1")

        assert 'title="params.seed"' in html
        assert 'title="params.optimizer"' in html
        assert 'title="params.same"' not in html

    def test_come_in_parts_where_there_are_many(self, page: Page) -> None:
        asked = [f"params.p{number}" for number in range(45)]

        html = page(columns=asked)

        assert "Columns 1 to 40 of 45" in html
        assert 'title="params.p40"' not in html
        rest = page(columns=asked, from_column="41")
        assert 'title="params.p40"' in rest
        assert 'title="params.p39"' not in rest

    def test_sort_one_behind_the_other(self, page: Page) -> None:
        html = page(
            order_by=["params.`optimizer` ASC", "metrics.`loss` DESC"], columns=["params.optimizer", "metrics.loss"]
        )

        names = [cells(html, row)[1] for row in range(6)]
        assert [name.split()[-1] for name in names] == ["5", "3", "1", "4", "2", "0"]
        assert "↑1" in html
        assert "↓2" in html

    def test_change_places_with_their_neighbours(self, page: Page) -> None:
        html = page(columns=["params.seed", "metrics.loss", "metrics.acc"])

        menu = html[html.index('id="head-2"') : html.index('id="head-3"')]
        moved = [parse_qs(link)["columns"] for link in re.findall(r'href="\?([^"]*)">Move to the', unescape(menu))]
        assert moved == [
            ["metrics.loss", "params.seed", "metrics.acc"],
            ["params.seed", "metrics.acc", "metrics.loss"],
        ]

    def test_are_as_wide_as_the_address_says(self, page: Page) -> None:
        html = page(
            columns=["params.seed", "metrics.loss"],
            width=["metrics.loss,140", "attributes.run_name,20", "params.seed,wide", "params.gone,99", "params.seed"],
        )

        assert re.findall(r"nth-child\((\d+)\) { --width: (\w+); }", html) == [("2", "60px"), ("5", "140px")]

    def test_stay_as_wide_wherever_one_goes_from_here(self, page: Page) -> None:
        html = unescape(page(columns="metrics.loss", width="metrics.loss,140"))

        links = re.findall(r'href="(\?[^"]*columns[^"]*)"', html)
        assert links
        assert all("width=metrics.loss,140" in link for link in links)
        forms = [form for form in html.split("<form")[1:] if 'method="get"' in form[:100]]
        assert all('name="width" value="metrics.loss,140"' in form for form in forms)

    def test_are_picked_in_their_order(self, page: Page) -> None:
        html = unescape(page(columns=["params.seed", "tags.mlflow.user", "min(metrics.loss)"]))

        chosen, rest = html[html.index("data-chosen-columns") :].split("</fieldset>", 1)
        values = re.findall(r'name="columns"\s+value="([^"]*)" checked', chosen)
        assert values == ["params.seed", "tags.mlflow.user", "min(metrics.loss)"]
        assert "checked" not in rest[: rest.index("</form>")]

    def test_draw_curves_when_asked(self, page: Page) -> None:
        html = page(columns="metrics.loss", spark="1")

        assert len(re.findall(r'<path d="M1\.5 [^"]+"', html)) == 6


class TestLayout:
    @pytest.mark.parametrize(
        ("layout", "has"), [("", (True, True)), ("table", (True, False)), ("charts", (False, True))]
    )
    def test_is_the_table_the_charts_or_both(self, page: Page, layout: str, has: tuple[bool, bool]) -> None:
        html = page(layout=layout)

        assert ("data-runs-table" in html, "data-chart-grid" in html) == has


class TestBaseline:
    def test_stands_first_and_the_others_show_their_difference(self, page: Page) -> None:
        html = page(base=run("run 2").uid, columns=["metrics.loss", "params.optimizer"], filter="run_name = 'run 0'")

        assert cells(html, 0)[1].startswith("run 2")
        assert cells(html, 0)[3] == "4"
        assert cells(html, 1)[3] == "2▼ 2"
        assert "delta is-better" in html  # a loss is better when it is less

    def test_knows_better_when_somebody_said_so(self, client: Client, people: People, url: str, page: Page) -> None:
        query = {"base": run("run 2").uid, "columns": "metrics.loss", "filter": "run_name = 'run 0'"}
        client.force_login(people.ann.user)

        assert client.post(f"{url}/direction", {"metric": "loss", "better": "more"}).status_code == 302

        client.force_login(people.bob.user)
        assert "delta is-worse" in page(**query)
        assert "mlportal.direction" not in page(**query)

    def test_that_is_nobody_is_no_baseline(self, page: Page) -> None:
        assert "is-base" not in page(base="f" * 32)


class TestGroups:
    def test_have_counts_means_and_deviations(self, page: Page) -> None:
        html = page(group="params.optimizer", columns=["metrics.loss", "metrics.acc", "params.seed"])

        assert cells(html, 0)[:4] == ["adam", "3", "5 ± 2", "0.2 ± 0.141"]
        assert cells(html, 1)[:4] == ["sgd", "3", "4 ± 2", "0.2 ± 0.2"]

    def test_of_one_run_have_no_deviation(self, page: Page) -> None:
        html = page(group="params.seed", columns=["metrics.loss"])

        assert cells(html, 0)[:3] == ["0", "1", "2"]

    def test_count_runs_that_lack_the_key(self, page: Page, experiment: Experiment) -> None:
        add_run(experiment, "bare")

        html = page(group=["params.optimizer", "attributes.status"])

        assert cells(html, 2)[:3] == ["(none)", "FINISHED", "1"]

    def test_lead_to_their_runs(self, page: Page) -> None:
        html = page(group="params.optimizer", filter="metrics.loss < 6 OR metrics.loss > 100")
        link = re.search(r'<th scope="row"><a class="long-name" href="\?([^"]*)">adam', html)
        assert link is not None

        query = dict(re.findall(r"(filter|group)=([^&]*)", unescape(link[1])))

        assert "group" not in query
        assert "%28metrics.loss%20%3C%206%20OR" in query["filter"]
        assert "params.%60optimizer%60%20%3D%20%27adam%27" in query["filter"]


class TestSuggest:
    @pytest.mark.parametrize(
        ("text", "offered"),
        [
            ("metrics.lo", ["metrics.loss"]),
            ("metrics.loss < 1 AND metrics.", ["metrics.acc", "metrics.loss", "metrics.val/top-5.acc"]),
            ("seed", ["params.seed"]),
            ("model.dep", ["params.model.depth"]),
            ("val/top-5.ac", ["metrics.val/top-5.acc"]),
            ("params.optimizer = ", ["adam", "sgd"]),
            ("params.optimizer = 'sg", ["sgd"]),
            ("metrics.loss ", ["=", "!=", "<", "<=", ">", ">="]),
            ("attributes.status = 'fin", ["FINISHED"]),
            ("user_id = ", ["ann"]),
            ("metrics.loss < 1 ", ["AND", "OR"]),
            ("tags.nothing = ", []),
        ],
    )
    def test_offers_what_may_come_next(
        self, client: Client, people: People, experiment: Experiment, url: str, text: str, offered: list[str]
    ) -> None:
        add_run(experiment, "other", metrics={"val/top-5.acc": [0.5]}, params={"model.depth": "50"})
        client.force_login(people.bob.user)

        answer = client.get(f"{url}/suggest", {"text": text}).json()

        assert [offer["label"] for offer in answer["offers"]] == offered

    def test_offers_what_the_parser_takes(self, client: Client, people: People, url: str, page: Page) -> None:
        text = ""
        for part in ("params.optim", "= 'ad", "AND", "metrics.lo"):
            answer = client.get(f"{url}/suggest", {"text": text + part}).json()
            text = (text + part)[: answer["start"]] + answer["offers"][0]["text"]

        assert 'role="alert"' not in page(filter=f"{text}< 100")
        assert "3 runs" in page(filter=f"{text}< 100")


class TestChangeRuns:
    @pytest.fixture
    def change(self, client: Client, people: People, url: str) -> Callable[..., str]:
        """Return Ann's way to do something; the answer is where it leads."""
        client.force_login(people.ann.user)

        def post(**form: str | list[str]) -> str:
            response = client.post(f"{url}/runs", form)
            assert response.status_code == 302
            return response["Location"]

        return post

    def test_tags_all_that_match_in_one_event(self, change: Callable[..., str]) -> None:
        change(do="tag", all="1", query="filter=params.optimizer%20%3D%20%27adam%27", key="keep", value="yes")

        tagged = RunTag.objects.filter(key__name="keep", value="yes").values_list("run__name", flat=True)
        assert sorted(tagged) == ["run 1", "run 3", "run 5"]
        assert AuditEvent.objects.filter(verb="run.tag_many").count() == 1

    def test_tags_again(self, change: Callable[..., str]) -> None:
        for value in ("one", "two"):
            change(do="tag", runs=[run("run 1").uid], key="keep", value=value)

        assert list(RunTag.objects.filter(key__name="keep").values_list("value", flat=True)) == ["two"]

    def test_restores_the_chosen(self, change: Callable[..., str], url: str) -> None:
        uids = [run("run 1").uid, run("run 2").uid]
        Run.objects.filter(uid__in=[*uids, run("run 3").uid]).update(deleted_at=utc_now())

        assert change(do="restore", runs=uids, query="show=deleted", next=f"{url}?filter=x") == f"{url}?filter=x"

        assert [one.name for one in Run.objects.exclude(deleted_at=None)] == ["run 3"]

    def test_does_nothing_with_runs_of_another_experiment(self, change: Callable[..., str], people: People) -> None:
        other = add_run(add_experiment(people.workspace, "other"), "safe")

        change(do="tag", runs=[other.uid], key="keep", value="yes")

        assert not RunTag.objects.filter(run=other, key__name="keep").exists()

    def test_leads_to_the_comparison_and_to_the_file(self, change: Callable[..., str], url: str) -> None:
        uids = [run("run 1").uid, run("run 2").uid]

        assert change(do="compare", runs=uids) == f"/w/default/compare?runs={','.join(uids)}"
        assert change(do="export", all="1", query="columns=params.seed") == f"{url}/runs.csv?columns=params.seed"
        assert uids[0] in change(do="export", runs=uids[:1])

    @pytest.mark.parametrize(
        "form",
        [
            {"do": "explode"},
            {"do": "delete", "all": "1"},
            {"do": "tag", "key": "mlflow.runName", "value": "x"},
            {"do": "tag", "key": ""},
        ],
    )
    def test_refuses_what_makes_no_sense(self, client: Client, people: People, url: str, form: dict[str, str]) -> None:
        client.force_login(people.ann.user)

        assert client.post(f"{url}/runs", form).status_code == 400

    def test_is_not_for_readers(self, client: Client, people: People, url: str) -> None:
        client.force_login(people.bob.user)

        assert client.post(f"{url}/runs", {"do": "tag", "all": "1", "key": "a"}).status_code == 403
        assert not RunTag.objects.filter(key__name="a").exists()


class TestExport:
    @pytest.fixture
    def download(self, client: Client, people: People, url: str) -> Callable[..., str]:
        client.force_login(people.bob.user)

        def get(kind: str, **query: str | list[str]) -> str:
            response = client.get(f"{url}/runs.{kind}", query)
            assert response.status_code == 200
            return response.getvalue().decode("utf-8-sig")

        return get

    def test_has_the_columns_shown(self, download: Callable[..., str]) -> None:
        text = download("csv", columns=["params.seed", "min(metrics.loss)"], order_by="params.seed ASC")

        head, first, *rest = csv.reader(io.StringIO(text))
        assert head[-2:] == ["params.seed", "min(metrics.loss)"]
        assert [first[1], *first[-2:]] == ["run 0", "0", "1.0"]
        assert len(rest) == 5

    def test_has_everything_when_asked(self, download: Callable[..., str]) -> None:
        found = json.loads(download("json", what="all", filter="run_name = 'run 3'"))["runs"]

        assert len(found) == 1
        assert found[0]["params.same"] == "yes"
        assert found[0]["metrics.acc"] == pytest.approx(0.3)
        assert found[0]["status"] == "FINISHED"

    def test_walks_all_pages(self, download: Callable[..., str], experiment: Experiment) -> None:
        like = run("run 1")
        Run.objects.bulk_create(
            Run(
                uid=f"{number:032x}",
                workspace_id=like.workspace_id,
                experiment=experiment,
                name="many",
                status=like.status,
                started_at=like.started_at,
            )
            for number in range(ROWS_A_READ)
        )

        assert len(json.loads(download("json"))["runs"]) == ROWS_A_READ + 6

    def test_holds_no_formula(self, download: Callable[..., str], experiment: Experiment) -> None:
        add_run(experiment, "=HYPERLINK(1)", params={"p": "@SUM(1)"}, metrics={"loss": [-1.5]})

        text = download("csv", columns=["params.p", "metrics.loss"], filter="params.p IS NOT NULL")

        row = list(csv.reader(io.StringIO(text)))[1]
        assert (row[1], row[-2], row[-1]) == ("'=HYPERLINK(1)", "'@SUM(1)", "-1.5")

    def test_spells_out_what_json_has_no_number_for(self, download: Callable[..., str], experiment: Experiment) -> None:
        add_run(experiment, "broken", metrics={"loss": [float("nan")]})

        found = json.loads(download("json", columns="metrics.loss", filter="run_name = 'broken'"))["runs"]

        assert found[0]["metrics.loss"] == "NaN"

    def test_refuses_a_filter_before_it_begins(self, client: Client, people: People, url: str) -> None:
        client.force_login(people.bob.user)

        assert client.get(f"{url}/runs.csv", {"filter": "loss <"}).status_code == 400


class TestSavedViews:
    def save(self, client: Client, url: str, **form: str) -> None:
        assert client.post(f"{url}/views", form).status_code == 302

    def test_are_private_or_shared(self, client: Client, people: People, url: str, page: Page) -> None:
        client.force_login(people.ann.user)
        self.save(client, url, name="mine", query="filter=a")
        self.save(client, url, name="ours", query="filter=b", share="workspace")
        client.force_login(people.bob.user)

        html = page()

        assert ">mine<" not in html
        assert ">ours<" in html

    def test_are_shown_first_where_they_are_the_default(
        self, client: Client, people: People, url: str, experiment: Experiment
    ) -> None:
        client.force_login(people.ann.user)
        self.save(client, url, name="old", query="filter=a", share="default")
        self.save(client, url, name="new", query="columns=params.seed", share="default")
        client.force_login(people.bob.user)

        view = SavedView.objects.get(is_default=True)
        assert client.get(url)["Location"] == f"{url}?columns=params.seed&view={view.pk}"
        assert client.get(url, {"show": ""}).status_code == 200

    def test_replace_the_one_of_their_name(self, client: Client, people: People, url: str) -> None:
        client.force_login(people.bob.user)
        for query in ("filter=a", "filter=b"):
            self.save(client, url, name="mine", query=query, share="default")  # a reader's wish to share has no effect

        view = SavedView.objects.get()
        assert (view.query, view.is_shared, view.is_default) == ("filter=b", False, False)

    def test_are_deleted_by_their_owner_alone(self, client: Client, people: People, url: str) -> None:
        client.force_login(people.ann.user)
        self.save(client, url, name="ours", query="", share="workspace")
        view = SavedView.objects.get()
        client.force_login(people.bob.user)
        assert client.post(f"/w/default/views/{view.pk}/delete").status_code == 403

        client.force_login(people.ann.user)
        client.post(f"/w/default/views/{view.pk}/delete")

        assert not SavedView.objects.exists()

    def test_need_a_name(self, client: Client, people: People, url: str) -> None:
        client.force_login(people.ann.user)

        assert client.post(f"{url}/views", {"name": " ", "query": "x"}).status_code == 400
