import pytest
from django.http import QueryDict

from tracking.web.links import link_with


class TestLink:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, "?page=2&columns=params.lr&columns=metrics.a%26b/c&filter=a%20%3D%20%E5%80%BC"),
            ({"page": None, "filter": None, "absent": None}, "?columns=params.lr&columns=metrics.a%26b/c"),
            ({"columns": ["x"], "page": None}, "?columns=x&filter=a%20%3D%20%E5%80%BC"),
            ({"columns": None, "filter": None, "runs": "a,b"}, "?page=2&runs=a,b"),
            ({"page": None, "columns": [], "filter": "a+b"}, "?filter=a%2Bb"),
        ],
    )
    def test_keeps_what_it_does_not_change_and_its_order(self, changes: dict[str, str], expected: str) -> None:
        query = QueryDict("page=2&columns=params.lr&columns=metrics.a%26b/c&filter=a+%3D+%E5%80%BC")

        assert link_with(query, **changes) == expected
        assert query["page"] == "2"
