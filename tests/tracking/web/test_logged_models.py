"""The models that the runs of an experiment logged."""

import json

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.api.caller import Caller


@pytest.fixture
def caller(people: People) -> Caller:
    return Caller(people.ann.token)


@pytest.fixture
def bob(client: Client, people: People) -> Client:
    client.force_login(people.bob.user)
    return client


def log_model(caller: Caller, experiment: str, name: str) -> str:
    body = {"experiment_id": experiment, "name": name, "model_type": "sklearn"}
    uid: str = caller.post("logged-models", body)["model"]["info"]["model_id"]
    return uid


class TestExperimentModels:
    def test_are_those_of_the_experiment_and_lead_to_their_versions(self, bob: Client, caller: Caller) -> None:
        one, other = (caller.post("experiments/create", {"name": name})["experiment_id"] for name in ("one", "other"))
        uid = log_model(caller, one, "deep")
        log_model(caller, other, "shallow")
        caller.post("registered-models/create", {"name": "net 模型"})
        caller.post("model-versions/create", {"name": "net 模型", "source": f"models:/{uid}", "model_id": uid})

        page = bob.get(f"/w/default/experiments/{one}/models").content.decode()
        (row,) = json.loads(bob.get(f"/w/default/experiments/{one}/models?format=json").getvalue())["logged_models"]

        assert ("deep" in page, "shallow" in page, f"models:/{uid}" in page) == (True, False, True)
        assert "/models/net%20%E6%A8%A1%E5%9E%8B/versions/1" in page
        assert row["model_id"] == uid

    def test_say_how_one_gets_there(self, bob: Client, caller: Caller) -> None:
        experiment = caller.post("experiments/create", {"name": "one"})["experiment_id"]

        assert "log_model" in bob.get(f"/w/default/experiments/{experiment}/models").content.decode()
        assert "No model matches" in bob.get(f"/w/default/experiments/{experiment}/models?q=x").content.decode()
