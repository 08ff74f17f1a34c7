"""Code to paste."""

import ast

import pytest
from pytest_django import Settings

from tracking.web.snippets import tracking_uri, training_snippet


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
