"""What the models take and give, as the Open Inference Protocol and TensorFlow Serving tell it."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ..schema import Field
from .documents import DATATYPES, errors
from .forms import OUTPUT
from .models import Models
from .refusal import SHOWN
from .scorer import Scorer


def router(models: Models) -> APIRouter:
    found = APIRouter(tags=["metadata"], responses=errors("401", "404", "503"))

    async def server() -> dict[str, Any]:
        return {"name": models.name, "version": "1", "extensions": []}

    async def model(name: str, version: str | None = None) -> Any:
        scorer = _chosen(models, name, version)
        return described(scorer, models) if scorer else _missing(models, name, version)

    async def ready(name: str, version: str | None = None) -> Any:
        is_loaded = _chosen(models, name, version) is not None
        return {"name": name, "ready": True} if is_loaded else _missing(models, name, version)

    async def status(name: str, version: str | None = None) -> Any:
        scorer = _chosen(models, name, version)
        if scorer is None:
            return _missing(models, name, version)
        state = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return {"name": name, "ready": True, "model_version_status": [{"version": str(scorer.version), **state}]}

    found.get("/v2", summary="The server, as Open Inference has it")(server)
    for at in ("", "/versions/{version}"):
        found.get(f"/v2/models/{{name}}{at}", summary="Inputs, outputs and classes")(model)
        found.get(f"/v2/models/{{name}}{at}/ready", summary="200 when it answers")(ready)
        found.get(f"/v1/models/{{name}}{at}", summary="State, as TensorFlow Serving and KServe V1 have it")(status)
    return found


def _chosen(models: Models, name: str, version: str | None) -> Scorer | None:
    if name != models.name or models.live is None:
        return None
    loaded = models.live.version(version or str(models.live.champion.version))
    return loaded[0] if loaded else None


def _missing(models: Models, name: str, version: str | None) -> JSONResponse:
    if name == models.name and models.live is None:
        return JSONResponse({"error": models.missing}, 503, {"retry-after": "1"})
    of = f" of version {version[:SHOWN]}" if version else ""
    return JSONResponse({"error": f"There is no model '{name[:SHOWN]}'{of} in service."}, 404)


def described(scorer: Scorer, models: Models) -> dict[str, Any]:
    """Inputs in the contract's order, then features that are looked up unless given."""
    schema = scorer.schema
    looked_up = [tensor(name, "FP64", {"optional": True}) for view in schema.views for name in view.columns]
    classes = {"classes": schema.classes, "positive": schema.classes[1] if len(schema.classes) == 2 else None}
    output = tensor(OUTPUT, "FP64", {"task": schema.task, **(classes if schema.classes else {})})
    return {
        "name": models.name,
        "versions": models.live.versions if models.live else [],
        "platform": scorer.engine.name,
        "inputs": [*(of_field(field, schema.time) for field in schema.fields), *looked_up],
        "outputs": [output | {"shape": [-1] if schema.width == 1 else [-1, schema.width]}],
    }


def of_field(field: Field, time: str | None) -> dict[str, Any]:
    """time: the event time's name; a request without it is answered as of now."""
    limits = {"min": field.min, "max": field.max, "values": field.values}
    about = {"type": field.type, "optional": field.nullable or not field.used or field.name == time}
    return tensor(field.name, DATATYPES[field.type], about | {k: v for k, v in limits.items() if v is not None})


def tensor(name: str, datatype: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1], "parameters": parameters}
