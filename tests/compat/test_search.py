"""The stock client's searches, and what it deletes and restores."""

import os

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType


@pytest.fixture
def experiment(client: MlflowClient) -> str:
    """Return the id of an experiment with seven runs: n is 0 to 6, loss is n, and NaN in the last."""
    for number in range(7):
        with mlflow.start_run(run_name=f"run-{number}") as run:
            mlflow.log_metric("loss", number if number < 6 else float("nan"))
            mlflow.log_param("n", number)
            mlflow.set_tag("parity", "even" if number % 2 == 0 else "odd")
    return str(run.info.experiment_id)


class TestRuns:
    @pytest.mark.parametrize(
        ("filter_", "numbers"),
        [
            ("metrics.loss >= 2 and params.n != '5'", "4 3 2"),
            ("params.n = '0' OR metrics.loss > 4", "5 0"),
            ("NOT tags.parity = 'even' AND metrics.loss < 4", "3 1"),
            ("attributes.run_name LIKE 'run-%' AND tags.parity = 'odd'", "5 3 1"),
            ("attributes.status = 'FINISHED'", "6 5 4 3 2 1 0"),
            ("params.none IS NULL AND metrics.loss = 1", "1"),
            ("start_time > 0 AND params.n ILIKE '3'", "3"),
        ],
    )
    def test_are_filtered(self, client: MlflowClient, experiment: str, filter_: str, numbers: str) -> None:
        found = mlflow.search_runs([experiment], filter_string=filter_)

        assert " ".join(found["params.n"]) == numbers

    def test_are_ordered_with_nan_last(self, client: MlflowClient, experiment: str) -> None:
        for direction, numbers in (("ASC", "0 1 2 3 4 5 6"), ("DESC", "5 4 3 2 1 0 6")):
            found = client.search_runs([experiment], order_by=[f"metrics.loss {direction}"])

            assert " ".join(run.data.params["n"] for run in found) == numbers

    def test_are_paged_without_gap_or_double(self, client: MlflowClient, experiment: str) -> None:
        found, token = [], None
        while True:
            page = client.search_runs([experiment], max_results=3, order_by=["metrics.loss DESC"], page_token=token)
            found += [run.data.params["n"] for run in page]
            token = page.token
            if not token:
                break

        assert found == ["5", "4", "3", "2", "1", "0", "6"]

    def test_are_deleted_and_restored(self, client: MlflowClient, experiment: str) -> None:
        first = client.search_runs([experiment])[0].info.run_id

        client.delete_run(first)

        assert client.get_run(first).info.lifecycle_stage == "deleted"
        assert len(client.search_runs([experiment])) == 6
        (deleted,) = client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)
        assert deleted.info.run_id == first
        assert len(client.search_runs([experiment], run_view_type=ViewType.ALL)) == 7
        client.restore_run(first)
        assert len(client.search_runs([experiment])) == 7

    def test_with_a_bad_filter_say_where(self, client: MlflowClient, experiment: str) -> None:
        with pytest.raises(mlflow.MlflowException, match=r"column \d+"):
            client.search_runs([experiment], "metrics.loss > 'x'")


class TestExperiments:
    def test_are_found_ordered_and_paged(self, client: MlflowClient) -> None:
        prefix = os.urandom(4).hex()
        for number in range(5):
            client.create_experiment(f"{prefix}-{number}", tags={"parity": str(number % 2)})

        first = client.search_experiments(
            max_results=3, filter_string=f"name LIKE '{prefix}-%'", order_by=["name DESC"]
        )
        rest = client.search_experiments(
            max_results=3, filter_string=f"name LIKE '{prefix}-%'", order_by=["name DESC"], page_token=first.token
        )
        odd = mlflow.search_experiments(filter_string=f"name LIKE '{prefix}-%' AND tags.parity = '1'")

        assert [one.name for one in [*first, *rest]] == [f"{prefix}-{number}" for number in (4, 3, 2, 1, 0)]
        assert not rest.token
        assert [one.name for one in odd] == [f"{prefix}-3", f"{prefix}-1"]
        assert odd[0].tags == {"parity": "1"}

    def test_are_deleted_restored_and_renamed(self, client: MlflowClient, experiment: str) -> None:
        name = client.get_experiment(experiment).name
        client.delete_experiment(experiment)

        assert client.get_experiment_by_name(name).lifecycle_stage == "deleted"  # type: ignore[union-attr]
        assert experiment in {one.experiment_id for one in client.search_experiments(ViewType.DELETED_ONLY)}
        with pytest.raises(mlflow.MlflowException, match="deleted"):
            mlflow.set_experiment(name)
        client.restore_experiment(experiment)
        client.rename_experiment(experiment, f"{name} renamed")
        client.set_experiment_tag(experiment, "team", "x")

        found = client.get_experiment(experiment)
        assert (found.name, found.lifecycle_stage) == (f"{name} renamed", "active")
        assert found.tags["team"] == "x"
        assert len(client.search_runs([experiment])) == 7
        client.delete_experiment_tag(experiment, "team")
        assert "team" not in client.get_experiment(experiment).tags

    def test_without_a_name_use_the_default_one(self, client: MlflowClient) -> None:
        run = client.create_run("0")

        assert client.get_experiment(run.info.experiment_id).name == "Default"
