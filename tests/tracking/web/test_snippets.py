"""Code to paste."""

import ast
import json
import shlex

import pytest
from pytest_django import Settings

from tracking.web.snippets import tracking_uri, training_snippet, training_snippets


class TestTrackingUri:
    def test_carries_the_credential_where_there_is_one(self, settings: Settings) -> None:
        settings.PORTAL_URL = "https://ml.example.org"

        assert tracking_uri(workspace="lab") == "https://ml.example.org/w/lab"
        assert (
            tracking_uri(workspace="lab", username="ann@x.org", token="mlp_t")
            == "https://ann%40x.org:mlp_t@ml.example.org/w/lab"
        )


class TestTrainingSnippet:
    @pytest.mark.parametrize("experiment", ["digits", 'a "quoted" name', "back\\slash", "it's", "two\nlines", "实验"])
    def test_is_python_with_the_name_in_it(self, experiment: str) -> None:
        snippet = training_snippet(uri="http://127.0.0.1:5000/w/lab", experiment=experiment)

        texts = [node.value for node in ast.walk(ast.parse(snippet)) if isinstance(node, ast.Constant)]
        assert experiment in texts
        assert len(snippet.splitlines()) == 5

    @pytest.mark.parametrize("experiment", ["digits", 'it\'s "quoted"'])
    def test_says_the_same_to_every_library(self, experiment: str) -> None:
        snippets = training_snippets(uri="http://ann:mlp_t@127.0.0.1:5000/w/lab", experiment=experiment)

        *in_python, curl = snippets
        for one in in_python:
            texts = [node.value for node in ast.walk(ast.parse(one.text)) if isinstance(node, ast.Constant)]
            assert {"http://ann:mlp_t@127.0.0.1:5000/w/lab", experiment} <= set(texts)
        words = shlex.split(curl.text)
        assert words[2] == "http://ann:mlp_t@127.0.0.1:5000/w/lab/api/2.0/mlflow/experiments/create"
        assert json.loads(words[-1]) == {"name": experiment}
