"""What is usually written: FastAPI, a pydantic model per row, joblib and a data frame. MODEL: the joblib file."""

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from model import CATEGORIES, NUMERIC
from pydantic import BaseModel, create_model

pipeline = joblib.load(os.environ["MODEL"])
Row = create_model("Row", **dict.fromkeys(NUMERIC, (float, ...)), **dict.fromkeys(CATEGORIES, (str, ...)))


class Request(BaseModel):
    dataframe_records: list[Row]


class Response(BaseModel):
    predictions: list[float]


app = FastAPI()


@app.post("/invocations", response_model=Response)
def predict(request: Request) -> Response:
    frame = pd.DataFrame([row.model_dump() for row in request.dataframe_records])
    return Response(predictions=pipeline.predict_proba(frame)[:, 1].tolist())
