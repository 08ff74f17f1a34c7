import json
import math
import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import run_folder
from tracking.artifacts.services import put_file
from tracking.core.memory import Memory
from tracking.runs.models import Experiment, Run

URL = "/w/default/compare"


@pytest.fixture
def experiment(people: People) -> Experiment:
    return add_experiment(people.workspace, "digits")


def lines(html: str) -> dict[str, list[tuple[str, str]]]:
    """Return the cells of params, metrics and tags by key: what they say, and their classes."""
    return {
        unescape(key): re.findall(r'<td class="([^"]*)"[^>]*>([^<]*)</td>', cells)
        for key, cells in re.findall(r'<th scope="row" title="([^"]*)">.*?</th>(.*?)</tr>', html, re.DOTALL)
    }


def texts(html: str, key: str) -> list[str]:
    return [text for _, text in lines(html)[key]]


class TestCompare:
    def test_lays_runs_of_several_experiments_side_by_side(
        self, bob: Client, people: People, experiment: Experiment
    ) -> None:
        first = add_run(experiment, "first", params={"lr": "0.1"}, metrics={"loss": [2.0, 1.5]})
        other = add_run(add_experiment(people.workspace, "other"), "second", params={"depth": "3"})

        html = bob.get(f"{URL}?runs={first.uid},{other.uid}").content.decode()

        assert texts(html, "lr") == ["0.1", "\u2013"]
        assert texts(html, "depth") == ["\u2013", "3"]
        assert texts(html, "loss") == ["1.5", "\u2013"]

    def test_shows_curves_first(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", metrics={"loss": [1.0]}, params={"lr": "1"})

        html = bob.get(f"{URL}?runs={run.uid}").content.decode()

        assert 0 < html.index("data-chart-grid") < html.index('id="params-title"')

    def test_marks_the_best_value_where_the_name_says_which(self, bob: Client, experiment: Experiment) -> None:
        metrics = [{"loss": [0.2], "acc": [0.8], "lr": [0.1]}, {"loss": [0.4], "acc": [0.9], "lr": [0.2]}]
        runs = [add_run(experiment, f"run {i}", metrics=given) for i, given in enumerate(metrics)]

        found = lines(bob.get(f"{URL}?runs={runs[0].uid},{runs[1].uid}").content.decode())

        is_best = {key: ["is-best" in css for css, _ in cells] for key, cells in found.items()}
        assert is_best == {"loss": [True, False], "acc": [False, True], "lr": [False, False]}

    def test_is_a_file_too(self, bob: Client, experiment: Experiment) -> None:
        one = add_run(experiment, "one", metrics={"loss": [0.5, math.nan]}, params={"lr": "0.1"})
        two = add_run(experiment, "two", metrics={"loss": [0.25]})

        found = json.loads(bob.get(URL, {"runs": f"{one.uid},{two.uid}", "format": "json"}).getvalue())["comparison"]

        assert {(line["kind"], line["key"]): (line.get(one.uid), line.get(two.uid)) for line in found} == {
            ("attribute", "run_name"): ("one", "two"),
            ("param", "lr"): ("0.1", None),
            ("metric", "loss"): ("NaN", 0.25),
        }

    def test_leaves_out_what_is_equal_when_asked(self, bob: Client, experiment: Experiment) -> None:
        same = {"model": "tree"}
        runs = [add_run(experiment, f"run {i}", params={**same, "lr": str(i)}) for i in range(2)]
        address = f"{URL}?runs={runs[0].uid},{runs[1].uid}"

        assert set(lines(bob.get(address).content.decode())) == {"model", "lr"}
        assert set(lines(bob.get(f"{address}&only=diff").content.decode())) == {"lr"}

    def test_finds_a_line_by_its_name(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", params={"lr": "1", "depth": "2"}, metrics={"val/lr": [1.0]})

        assert set(lines(bob.get(f"{URL}?runs={run.uid}&keys=LR").content.decode())) == {"lr", "val/lr"}

    def test_takes_a_run_out_by_a_link(self, bob: Client, experiment: Experiment) -> None:
        first, second = (add_run(experiment, name) for name in ("first", "second"))

        html = bob.get(f"{URL}?runs={first.uid},{second.uid}").content.decode()

        assert re.findall(r'href="\?runs=(\w+)"\s+aria-label="Take first out"', html) == [second.uid]

    def test_takes_in_a_run_of_another_experiment(self, bob: Client, people: People, experiment: Experiment) -> None:
        first = add_run(experiment, "first")
        elsewhere = add_experiment(people.workspace, "other")
        second, third = add_run(elsewhere, "second otter"), add_run(elsewhere, "third otter")

        several = bob.get(URL, {"runs": first.uid, "add": "OTTER"}).content.decode()
        one = bob.get(URL, {"runs": first.uid, "add": third.uid[:9], "only": "diff"})
        again = bob.get(URL, {"runs": first.uid, "add": "first"}).content.decode()

        assert f'href="?runs={first.uid},{second.uid}"' in several
        assert one["Location"] == f"{URL}?runs={first.uid},{third.uid}&only=diff"
        assert "No other run of this workspace fits." in again

    def test_names_runs_that_it_does_not_have(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one")

        html = bob.get(f"{URL}?runs={run.uid},nobody").content.decode()

        assert "<code>nobody</code>" in html
        assert "One run alone" in html

    def test_does_not_show_runs_of_another_workspace(self, bob: Client) -> None:
        foreign = add_run(add_experiment(People.around("other").workspace, "secret"), "foreign run")

        html = bob.get(f"{URL}?runs={foreign.uid}").content.decode()

        assert "foreign run" not in html
        assert f"<code>{foreign.uid}</code>" in html

    def test_helps_when_no_run_is_named(self, bob: Client) -> None:
        response = bob.get(URL)

        assert response.status_code == 200
        assert "Nothing to compare yet" in response.content.decode()

    def test_says_how_many_are_too_many(self, bob: Client, people: People) -> None:
        html = bob.get(f"{URL}?runs={','.join(f'r{i}' for i in range(103))}").content.decode()

        assert "3 were left out" in html

    def test_turns_what_a_form_sends_into_one_address(self, bob: Client, people: People) -> None:
        response = bob.get(f"{URL}?runs=a&runs=b&x=time")

        assert response.status_code == 302
        assert response.headers["Location"] == f"{URL}?runs=a,b&x=time"

    def test_escapes_what_runs_carry(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "<script>alert(1)</script>", params={"p": "<b>x</b>"})

        html = bob.get(f"{URL}?runs={run.uid}").content.decode()

        assert "<script>alert" not in html
        assert "<b>x" not in html

    def test_does_not_exist_for_a_stranger(self, client: Client, people: People) -> None:
        client.force_login(people.cleo.user)

        assert client.get(URL).status_code == 404

    def test_needs_no_more_queries_for_ten_more_runs(self, bob: Client, experiment: Experiment) -> None:
        runs = [add_run(experiment, f"run {i}", metrics={"loss": [1.0]}, params={"lr": str(i)}) for i in range(12)]
        with CaptureQueriesContext(connection) as few:
            bob.get(f"{URL}?runs={runs[0].uid},{runs[1].uid}")

        Memory.forget_all()
        with CaptureQueriesContext(connection) as many:
            bob.get(f"{URL}?runs={','.join(run.uid for run in runs)}")

        assert len(many) == len(few)


class TestBaseline:
    @pytest.fixture
    def address(self, experiment: Experiment) -> str:
        """Return the comparison of three runs, the second of which is the base."""
        runs = [
            add_run(experiment, f"run {number}", metrics={"loss": [9.0, 1.0 + number]}, params={"lr": str(number % 2)})
            for number in range(3)
        ]
        return f"{URL}?runs={','.join(run.uid for run in runs)}&base={runs[1].uid}"

    def test_is_what_the_others_are_measured_against(self, bob: Client, address: str) -> None:
        html = bob.get(address).content.decode()

        deltas = re.findall(r'<span class="delta ([^"]*)">([^<]*)</span>', html)
        assert deltas == [("is-better", "▼ 1"), ("is-worse", "▲ 1")]
        assert [css for css, _ in lines(html)["lr"]] == [
            "cell-cut is-different",
            "cell-cut",
            "cell-cut is-different",
        ]

    def test_compares_the_statistic_that_was_asked_for(self, bob: Client, address: str) -> None:
        html = bob.get(f"{address}&stat=max").content.decode()

        assert texts(html, "loss") == ["9", "9", "9"]
        assert 'class="delta' not in html

    def test_stands_in_a_table_that_is_turned(self, bob: Client, address: str) -> None:
        html = bob.get(f"{address}&turn=1&only=diff").content.decode()

        heads = re.findall(r'<th scope="col" title="([^"]*)">', html)
        assert heads == ["lr", "loss"]
        assert len(re.findall(r'<th scope="row"><span class="compare-run">', html)) == 6


class TestFiles:
    def put(self, run: Run, path: str, text: str) -> None:
        where = run_folder(run).join(ArtifactPath.parse(path))
        put_file(workspace=run.workspace, path=where, chunks=[text.encode()], size_bytes=len(text.encode()))

    def test_show_what_changed_from_the_first_run(self, bob: Client, experiment: Experiment) -> None:
        one, two, three, four = (add_run(experiment, f"run {number}") for number in range(4))
        self.put(one, "config.json", '{"lr": 0.1, "<b>": 1}')
        self.put(two, "config.json", '{"<b>": 1, "lr": 0.2}')
        self.put(three, "config.json", '{"<b>": 1,   "lr": 0.1}')
        address = f"{URL}?runs={one.uid},{two.uid},{three.uid},{four.uid}&file=config.json"

        html = bob.get(address).content.decode()

        shown = unescape(re.sub("<[^>]+>", "", html))
        assert '-  "lr": 0.1' in shown
        assert '+  "lr": 0.2' in shown
        assert "The same as in the first run." in html
        assert "This run has no such file." in html
        assert "<b>" not in html
        assert '<option value="config.json">' in html

    def test_show_pictures_side_by_side(self, bob: Client, experiment: Experiment) -> None:
        runs = [add_run(experiment, f"run {number}") for number in range(2)]
        for run in runs:
            self.put(run, "plot.png", "not really a picture")

        html = bob.get(f"{URL}?runs={runs[0].uid},{runs[1].uid}&file=plot.png").content.decode()

        assert html.count('class="preview-image"') == 2

    @pytest.mark.parametrize("path", ["../../etc/passwd", "a//b", "."])
    def test_keep_to_the_run(self, bob: Client, experiment: Experiment, path: str) -> None:
        run = add_run(experiment, "run")

        html = bob.get(URL, {"runs": run.uid, "file": path}).content.decode()

        assert "This run has no such file." in html
