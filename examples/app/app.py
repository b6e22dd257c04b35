"""An application that sorts messages. Which model answers is a line of ``tunekit.toml``.

    cd examples/app && python train.py && uvicorn app:app
    curl localhost:8000/triage -H 'content-type: application/json' -d '{"text": "My roof leaks."}'

Nothing here names a backend: a model of this machine and one at a provider are asked alike.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import tunekit
from tunekit.errors import BackendError, PredictionError

log = logging.getLogger("triage")


class Message(BaseModel):
    """What a customer wrote."""

    text: str = Field(min_length=1, max_length=10_000)


class Triage(BaseModel):
    """Where it belongs; no probability where the backend gives no real one."""

    label: str
    probability: float | None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model once. One that isn't there is an error now, and not at the first message."""
    app.state.model = tunekit.load("triage")
    yield


app = FastAPI(title="Triage", lifespan=lifespan)


@app.get("/health")
async def health(request: Request) -> dict[str, str]:
    """Which model answers."""
    return {"model": repr(request.app.state.model)}


@app.post("/triage")
async def triage(message: Message, request: Request) -> Triage:
    """Sort one message."""
    answer = await request.app.state.model.apredict(message.text)
    return Triage(label=answer.label, probability=answer.probability)


@app.exception_handler(PredictionError)
async def no_answer(request: Request, error: PredictionError) -> JSONResponse:
    """The model was asked and has no answer to this text: another text may have one."""
    log.warning("%s", error)
    return JSONResponse({"detail": "There is no answer to this text."}, status_code=422)


@app.exception_handler(BackendError)
async def no_backend(request: Request, error: BackendError) -> JSONResponse:
    """The provider can't be asked now. What it said is for the log, not for the caller."""
    log.error("%s", error)
    headers = {"retry-after": f"{error.retry_after:.0f}"} if error.retry_after else None
    return JSONResponse({"detail": "The model can't be asked now."}, 503, headers)
