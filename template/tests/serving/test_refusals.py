"""Bad requests get a 4xx and one sentence that names what is wrong."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.builders.service import ROW, InProcess, a_home, an_application, deploy

GONE = object()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    home = a_home(tmp_path_factory.mktemp("refusals"), max_rows=50, max_body_bytes=20_000)
    deploy(home, home.first, version=3)
    with an_application(home) as running:
        yield running


def row(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (ROW | changes).items() if value is not GONE}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"colour": "red"}, "colour", "'colour' is no field of this model; it takes scheduled, origin"),
        ({"late": True}, "late", "'late' is what the model predicts; leave it out."),
        ({"distance": GONE}, "distance", "'distance' is missing."),
        ({"distance": "far"}, "distance", "'distance' should be a number from 0 to 6000, not a string."),
        ({"distance": None}, "distance", "'distance' should be a number from 0 to 6000, not null."),
        ({"distance": True}, "distance", "'distance' should be a number from 0 to 6000, not a boolean."),
        ({"distance": -1}, "distance", "'distance' should be a number from 0 to 6000."),
        ({"distance": 6000.5}, "distance", "'distance' should be a number from 0 to 6000."),
        ({"distance": [1]}, "distance", "'distance' should be a number from 0 to 6000, not a list."),
        ({"seats": 3.5}, "seats", "'seats' should be a whole number of at least 0, or null."),
        ({"seats": -1}, "seats", "'seats' should be a whole number of at least 0, or null."),
        ({"seats": 10**30}, "seats", "'seats' should be a whole number of at least 0, or null."),
        ({"seats": 1e300}, "seats", "'seats' should be a whole number of at least 0, or null."),
        ({"origin": "BOS"}, "origin", "'origin' should be one of EWR, JFK, LGA."),
        ({"origin": 7}, "origin", "'origin' should be one of EWR, JFK, LGA, not a whole number."),
        ({"carrier": 7}, "carrier", "'carrier' should be a string, or null, not a whole number."),
        ({"holiday": "yes"}, "holiday", "'holiday' should be true or false, not a string."),
        ({"holiday": 1}, "holiday", "'holiday' should be true or false, not a whole number."),
        ({"scheduled": "soon"}, "scheduled", "'scheduled' should be a time as ISO 8601 text, like 2024-"),
        ({"scheduled": "0001-01-01T00:00:00+20:00"}, "scheduled", "'scheduled' should be a time as ISO 8601 text"),
        ({"scheduled": None}, "scheduled", "'scheduled' should be a time as ISO 8601 text"),
        ({"scheduled": 1706688000}, "scheduled", "'scheduled' should be a time as ISO 8601 text"),
        ({"tailnum": 7}, "tailnum", "'tailnum' should be a string"),
    ],
)
def test_a_row_that_breaks_the_contract_is_refused_by_field_and_row(
    changes: dict[str, Any], field: str, said: str, service: InProcess
) -> None:
    answers = [
        service.ask(row(), row(**changes)),
        service.post("/v1/models/departures:predict", json={"instances": [row(), row(**changes)]}),
    ]
    for answer in answers:
        told = answer.json()
        assert (answer.status_code, told["field"], told["row"]) == (422, field, 1)
        assert told["error"].startswith(said)


@pytest.mark.parametrize("changes", [{"distance": "far"}, {"colour": "red"}, {"distance": GONE}, {"origin": "BOS"}])
def test_the_other_forms_name_field_and_row_too(changes: dict[str, Any], service: InProcess) -> None:
    wrong = row(**changes)
    (field,) = changes
    split = {"columns": list(wrong), "data": [list(wrong.values())]}
    inputs = [{"name": name, "datatype": "BYTES", "shape": [1], "data": [value]} for name, value in wrong.items()]
    for path, body in (
        ("/invocations", {"dataframe_split": split}),
        ("/invocations", {"inputs": {name: [value] for name, value in wrong.items()}}),
        ("/v2/models/departures/infer", {"inputs": inputs}),
    ):
        answer = service.post(path, json=body)
        assert (answer.status_code, answer.json()["field"], answer.json()["row"]) == (422, field, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"seats": 3.0},
        {"seats": None},
        {"seats": GONE, "carrier": GONE},
        {"tailnum": "N1"},
        {"tailnum": None},
        {"scheduled": GONE},
        {"scheduled": "2024-01-31"},
        {"scheduled": "2024-01-31 08:00:00"},
        {"distance": 100},
        {"carrier": "\x00 \U0001f600"},
    ],
)
def test_what_the_contract_allows_is_answered(changes: dict[str, Any], service: InProcess) -> None:
    answer = service.ask(row(**changes))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"instances": [{"tailnum": "\xff"}], "inputs": [{"name": "\xff"}]}',
        b'{"instances": 7} trailing',
        b"\xef\xbb\xbf{}",
        b"[" * 5000,
    ],
)
@pytest.mark.parametrize("path", ["/invocations", "/v2/models/departures/infer"])
def test_what_is_not_json_is_refused(body: bytes, path: str, service: InProcess) -> None:
    answer = service.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The body")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_a_number_is_refused_by_name(value: str, service: InProcess) -> None:
    body = b'{"instances": [{"distance": %b}]}' % value.encode()
    answer = service.post("/invocations", content=body)
    assert answer.status_code == 400
    assert answer.json()["field"] == "distance"
    assert answer.json()["error"] == f"'distance' is {value}, which is not JSON; give a number, or null."


@pytest.mark.parametrize(
    ("path", "body", "row"),
    [
        ("/invocations", '{"dataframe_records": [{"seats": 1}, {"seats": 1, "breite \\u00e4\\"": NaN}]}', 1),
        ("/invocations", '{"dataframe_split": {"columns": ["seats", "breite ä\\""], "data": [[1, NaN]]}}', 0),
        ("/invocations", '{"inputs": {"seats": [1, 2, 3], "breite ä\\"": [1, 2, NaN]}}', 2),
        ("/v2/models/departures/infer", '{"inputs": [{"name": "breite ä\\"", "data": [1, NaN]}]}', 1),
        ("/v2/models/departures/infer", '{"inputs": [{"name": "breite ä\\"", "data": [[1], [NaN]]}]}', 1),
    ],
)
def test_in_every_form_what_is_not_a_number_is_refused_by_name_and_row(
    path: str, body: str, row: int, service: InProcess
) -> None:
    answer = service.post(path, content=body.encode())
    assert answer.status_code == 400
    assert (answer.json()["field"], answer.json()["row"]) == ('breite ä"', row)


def test_half_a_character_as_a_name_is_refused_like_any_other(service: InProcess) -> None:
    answer = service.post("/invocations", content=b'{"instances": [{"\\ud800": NaN}]}')
    assert (answer.status_code, answer.json()["field"]) == (400, "?")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/invocations", {"dataframe_split": {"columns": ["a"], "data": [[1]] * 51}}),
        ("/invocations", {"inputs": {"a": [1] * 51}}),
        ("/v2/models/departures/infer", {"inputs": [{"name": "a", "data": [1] * 51}]}),
    ],
)
def test_too_many_rows_are_refused_before_anything_is_made_of_them(
    path: str, body: dict[str, Any], service: InProcess
) -> None:
    answer = service.post(path, json=body)
    # They would be refused for their unknown column otherwise.
    assert (answer.status_code, answer.json()["error"][:24]) == (413, "51 rows are more than 50")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "Give the rows in one of dataframe_records, dataframe_split, instances or inputs."),
        ({"instances": [ROW], "dataframe_records": [ROW]}, 422, "Give the rows in one of"),
        ({"rows": [ROW]}, 422, "'rows' is no part of such a request."),
        ({"instances": []}, 422, "There is no row to predict for."),
        ({"inputs": {}}, 422, "There is no row to predict for."),
        ([ROW], 422, "The body should be an object, not a list."),
        ({"instances": ROW}, 422, "'instances' should be a list, not an object."),
        ({"instances": [7]}, 422, "A row should be an object, not a whole number."),
        ({"instances": [ROW] * 51}, 413, "51 rows are more than 50"),
        (
            {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
            422,
            "dataframe_split has 1 columns but a row of 2",
        ),
        ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, 422, "'a' is there twice"),
        ({"inputs": {"distance": "x"}}, 422, "'distance' should be a list"),
        ({"inputs": {"distance": [1, 2], "seats": [1]}}, 422, "'seats' has 1 values where others have 2."),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(body: Any, status: int, said: str, service: InProcess) -> None:
    answer = service.post("/invocations", json=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"inputs": [{"name": "distance", "shape": [2], "data": [1]}]}, "'distance' has 1 values, which do"),
        (
            {"inputs": [{"name": "distance", "shape": [-1, 1], "data": [1]}]},
            "'distance' has 1 values, which do",
        ),
        ({"inputs": [{"name": "distance", "data": [1]}] * 2}, "'distance' is there twice"),
        ({"inputs": [], "outputs": [{"name": "label"}]}, "There is no output 'label'"),
        ({"inputs": []}, "There is no row"),
        ({"inputs": [{"name": "distance"}]}, "'data' is"),
        ({}, "'inputs' is missing."),
    ],
)
def test_a_tensor_of_the_wrong_shape_is_refused(body: Any, said: str, service: InProcess) -> None:
    answer = service.post("/v2/models/departures/infer", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v1/models/other:predict", 404),
        ("POST", "/v2/models/departures/versions/2/infer", 404),
        ("POST", "/v2/models/departures/versions/three/infer", 404),
        ("POST", "/v1/models/departures/versions/3:predict", 422),
        ("POST", "/v1/models/departures", 405),
        ("GET", "/invocations", 405),
        ("DELETE", "/v2/models/departures/infer", 405),
        ("POST", "/invocations/", 404),
        ("GET", "/nothing", 404),
        ("POST", "/health", 405),
    ],
)
def test_wrong_places_and_methods_are_told_in_a_sentence(
    method: str, path: str, status: int, service: InProcess
) -> None:
    answer = service.request(method, path, json={})
    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")


def test_a_wrong_content_type_is_tolerated(service: InProcess) -> None:
    assert service.ask(headers={"content-type": "text/plain"}).status_code == 200


def test_a_large_body_is_refused_before_all_of_it_is_read(service: InProcess) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b" " * 1000

    declared = service.post("/invocations", content=b" " * 20_001)
    streamed = service.post("/invocations", content=endless())
    assert declared.status_code == streamed.status_code == 413
    assert "20000 bytes" in streamed.json()["error"]
    assert sent < 200_000


def test_refusals_are_counted_by_route_and_status(service: InProcess) -> None:
    service.ask(row(distance="far"))
    assert 'ml_requests_total{route="invocations",status="422"}' in service.get("/metrics").text
