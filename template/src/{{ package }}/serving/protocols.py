"""The protocols predictions are asked for in: where, and how requests are read and answers written."""

import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from .decode import Decoder, Row
from .forms import OUTPUT
from .scorer import Floats, Scorer


class Answer(NamedTuple):
    """taken_over: what the request says about its answer; its id in Open Inference, the answer's key elsewhere."""

    scorer: Scorer
    predictions: Floats
    request_id: str
    taken_over: str | None


class Protocol(NamedTuple):
    """route: its name in metrics."""

    route: str
    path: re.Pattern[str]
    read: Callable[[Decoder, bytes], tuple[list[Row], str | None]]
    write: Callable[[str, Answer], bytes]


class Asked(NamedTuple):
    protocol: Protocol
    model: str | None = None
    version: str | None = None


def asked(path: str) -> Asked | None:
    """What a path asks for; None when it is not about predictions."""
    for protocol in PROTOCOLS:
        if found := protocol.path.fullmatch(path):
            return Asked(protocol, **found.groupdict())
    return None


def _plain(model: str, answer: Answer) -> bytes:
    predictions = msgspec.json.encode(answer.predictions.tolist())
    key = answer.taken_over or "predictions"
    about = (key.encode(), predictions, answer.request_id.encode(), answer.scorer.version)
    return b'{"%b":%b,"request_id":"%b","model_version":"%d"}' % about


def _open_inference(model: str, answer: Answer) -> bytes:
    predictions = answer.predictions
    output = {
        "name": OUTPUT,
        "datatype": "FP64",
        "shape": list(predictions.shape),
        "data": predictions.ravel().tolist(),
    }
    return msgspec.json.encode(
        {
            "model_name": model,
            "model_version": str(answer.scorer.version),
            "id": answer.taken_over or answer.request_id,
            "parameters": {"request_id": answer.request_id},
            "outputs": [output],
        }
    )


def _mlflow(decoder: Decoder, body: bytes) -> tuple[list[Row], str | None]:
    return decoder.invocations(body)[0], None


def _tensorflow(decoder: Decoder, body: bytes) -> tuple[list[Row], str | None]:
    """To columns TensorFlow Serving answers with columns."""
    rows, form = decoder.invocations(body)
    return rows, "outputs" if form == "inputs" else None


VERSION = r"(?:/versions/(?P<version>[^/]+))?"
PROTOCOLS = (
    Protocol("invocations", re.compile("/invocations"), _mlflow, _plain),
    Protocol("v2", re.compile(f"/v2/models/(?P<model>[^/]+){VERSION}/infer"), Decoder.infer, _open_inference),
    Protocol("v1", re.compile(f"/v1/models/(?P<model>[^/]+?){VERSION}:predict"), _tensorflow, _plain),
)
"""MLflow; Open Inference (KServe V2); TensorFlow Serving and KServe V1."""
