"""tracking.core.json: the fast and the lenient path agree, and refuse what would hurt later."""

import pytest

from tracking.core.errors import InvalidParameterError
from tracking.core.json import Int64, Request, decode


class Point(Request):
    key: str
    value: float | str
    step: Int64 | None = None


class Batch(Request):
    run_id: str
    points: list[Point] | None = None
    note: str | None = None


class TestDecode:
    def test_reads_what_clients_send(self) -> None:
        body = b'{"run_id": "r", "points": [{"key": "a:b", "value": 1, "step": 2}], "note": ""}'

        assert decode(body, Batch) == Batch(run_id="r", points=[Point(key="a:b", value=1.0, step=2)], note="")

    def test_takes_camel_case_and_ignores_unknown_fields_and_null(self) -> None:
        assert decode(b'{"runId": "r", "what": {"x": [1]}, "note": null}', Batch) == Batch(run_id="r")

    @pytest.mark.parametrize("step", [b"7", b'"7"', b"7.0", b"7.9"])
    def test_takes_whole_numbers_in_every_form_of_protobuf(self, step: bytes) -> None:
        body = b'{"run_id": "r", "points": [{"key": "k", "value": 0.5, "step": ' + step + b"}]}"

        assert decode(body, Batch).points == [Point(key="k", value=0.5, step=7)]

    def test_takes_true_as_one(self) -> None:
        assert decode(b'{"key": "k", "value": true}', Point).value == 1.0

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"{}", "Missing value for required parameter 'run_id'"),
            (b'{"run_id": ""}', "Missing value for required parameter 'run_id'"),
            (b'{"run_id": 5}', "Invalid value 5 for parameter 'run_id'"),
            (b'{"run_id": "r", "points": [{"value": 1}]}', r"required parameter 'points\[0\].key'"),
            (b'{"run_id": "r", "points": [{"key": "k", "value": []}]}', r"parameter 'points\[0\].value'"),
            (b'{"run_id": "r", "points": {}}', "parameter 'points'"),
            (b'{"run_id": "r", "run_id": "s"}', "gives the key 'run_id' twice"),
            (b'{"run_id": "r", "runId": "s"}', "Both spellings of 'run_id'"),
            (b'{"run_id": "r", "x": {"a": 1, "a": 2}}', "gives the key 'a' twice"),
            (b'{"run_id": "a\\u0000b"}', "contains NUL"),
            (b'{"run_id": "\\ud800"}', "half a surrogate pair"),
            (b'{"run_id": "r", "points": [{"key": "k", "value": NaN}]}', "a bare NaN is no number"),
            (b'{"run_id": "r", "points": [{"key": "k", "value": 1, "step": 9223372036854775808}]}', "'points.0..step'"),
            (b'{"run_id": "r", "points": [{"key": "k", "value": 1, "step": 1e400}]}', "'points.0..step'"),
            (b'{"run_id": "r", "points": [{"key": "k", "value": 1e999}]}', "'points.0..value'"),
            (b"[" * 100_000, "nested deeper than 64"),
            (b'{"x": ' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper than 64"),
            (b'{"run_id": "\xff"}', "not UTF-8"),
            (b"{", "not JSON"),
            (b"[]", "must be a JSON object"),
            (b"1" * 5000, "must be a JSON object"),
        ],
    )
    def test_refuses_by_name_and_value(self, body: bytes, message: str) -> None:
        with pytest.raises(InvalidParameterError, match=message):
            decode(body, Batch)
