"""Whatever is sent, the service answers, and never with a 500."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from tests.builders.service import ROW, InProcess, a_home, an_application, deploy

TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
FORMS = st.sampled_from(["dataframe_records", "instances", "dataframe_split", "inputs", "outputs", "id"])
ROWS = st.dictionaries(st.sampled_from([*ROW, "tailnum", "late"]), SCALARS).map(lambda changes: ROW | changes)
PATHS = st.sampled_from(["/invocations", "/v1/models/departures:predict", "/v2/models/departures/infer"])
ENOUGH = how(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    home = a_home(tmp_path_factory.mktemp("fuzz"))
    deploy(home, home.first)
    with an_application(home) as running:
        yield running


@ENOUGH
@given(path=PATHS, body=st.dictionaries(FORMS, JSON, max_size=3) | JSON)
def test_any_json_is_answered_or_refused(path: str, body: Any, service: InProcess) -> None:
    answer = service.post(path, json=body)
    assert answer.status_code in (400, 413, 422)
    assert answer.json()["error"]


@ENOUGH
@given(row=ROWS)
def test_any_row_is_answered_or_refused_by_field(row: dict[str, Any], service: InProcess) -> None:
    answer = service.ask(row)
    tensors = [{"name": name, "shape": [1], "data": [value]} for name, value in row.items()]
    same = service.post("/v2/models/departures/infer", json={"inputs": tensors})
    assert answer.status_code == same.status_code
    if answer.status_code == 200:
        assert same.json()["outputs"][0]["data"] == answer.json()["predictions"]
    else:
        assert answer.status_code == 422
        # The words may differ: a number beyond 64 bits is "a number" in one form, "a whole number" in the other.
        told = [{key: found.json().get(key) for key in ("field", "row")} for found in (answer, same)]
        assert told[0] == told[1]
        assert answer.json()["field"] in row


@ENOUGH
@given(path=PATHS, body=st.binary(max_size=60))
def test_any_bytes_are_refused(path: str, body: bytes, service: InProcess) -> None:
    assert service.post(path, content=body).status_code in (400, 422)
