"""What is sent, against the provider's published schema, unknown keys refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import tunekit
from tunekit import Dataset
from tunekit.testing.openai import OpenAIServer
from tunekit.testing.samples import SAMPLES

pytestmark = pytest.mark.shared

Contract = dict[str, Any]


@pytest.fixture(scope="module")
def contract(shared: Path) -> Contract:
    path = shared / "contracts" / "openai-fine-tuning.openapi.json"
    read: Contract = json.loads(path.read_text(encoding="utf-8"))
    return read


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.story, server.least_lines = ("running", "succeeded"), 1
        yield server


def strict(contract: Contract, name: str) -> Draft202012Validator:
    """The validator of a schema of the contract. Objects that name their properties have no
    others."""

    def closed(node: Any) -> Any:
        if isinstance(node, list):
            return [closed(one) for one in node]
        if not isinstance(node, dict):
            return node
        inner = {key: closed(one) for key, one in node.items()}
        if "properties" in inner and "additionalProperties" not in inner and "allOf" not in node:
            inner["additionalProperties"] = False
        return inner

    document = closed({"components": contract["components"]})
    registry = Registry().with_resource("contract", Resource(document, DRAFT202012))
    reference = {"$ref": f"contract#/components/schemas/{name}"}
    return Draft202012Validator(reference, registry=registry)


def wrong(contract: Contract, name: str, body: Any) -> list[str]:
    return [one.message for one in strict(contract, name).iter_errors(body)]


def over(server: OpenAIServer) -> Any:
    return tunekit.backend("openai", base_url=server.url, api_key_env="", settle=0.0)


SETTINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "everything": {
        "epochs": 2,
        "batch_size": 4,
        "learning_rate_multiplier": 0.5,
        "seed": 7,
        "suffix": "mine",
    },
}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_jobs_of_every_task(
    sample: str, settings: str, server: OpenAIServer, contract: Contract
) -> None:
    there = SAMPLES[sample]
    carried = {"context", "overlap"} | ({"ties", "ranking"} if sample.endswith("answer") else set())
    rows = [row for row in there.rows if carried.issuperset(there.task.needs(row))]
    rows_data = Dataset.from_rows(rows, there.task)
    given = dict(SETTINGS[settings])
    if given and sample.endswith("answer"):
        given["beta"] = 0.3
    tunekit.tune(rows_data, backend=over(server), validation=rows_data, **given)
    (body,) = [
        json.loads(one.body)
        for one in server.requests
        if one.method == "POST" and one.path == "/v1/fine_tuning/jobs"
    ]
    assert wrong(contract, "CreateFineTuningJobRequest", body) == []


def test_batches_and_uploads(
    server: OpenAIServer, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.backends.openai.files.PART", 300)
    there = SAMPLES["classification"]
    backend = tunekit.backend("openai", base_url=server.url, api_key_env="", largest_file=500)
    data = Dataset.from_rows(there.rows, there.task)
    tunekit.tune(data, backend=backend).submit_predictions(data).wait(timeout=20)
    schemas = {
        "/v1/batches": "CreateBatchRequest",
        "/v1/uploads": "CreateUploadRequest",
        "/complete": "CompleteUploadRequest",
    }
    seen = set()
    for one in server.requests:
        for path, name in schemas.items():
            if one.method == "POST" and one.path.endswith(path):
                assert wrong(contract, name, json.loads(one.body)) == []
                seen.add(name)
    assert seen == set(schemas.values())


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "training_file": "f", "suffix": "x" * 65},
        {"model": "m", "training_file": "f", "unknown": 1},
        {"model": "m", "training_file": "f", "seed": -1},
        {"model": "m"},
    ],
)
def test_the_check_can_fail(body: Any, contract: Contract) -> None:
    assert wrong(contract, "CreateFineTuningJobRequest", body)


ANSWERS = {
    "/v1/fine_tuning/jobs/{id}": "FineTuningJob",
    "/v1/fine_tuning/jobs/{id}/events": "ListFineTuningJobEventsResponse",
    "/v1/fine_tuning/jobs/{id}/checkpoints": "ListFineTuningJobCheckpointsResponse",
    "/v1/fine_tuning/jobs": "ListPaginatedFineTuningJobsResponse",
    "/v1/files": "ListFilesResponse",
    "/v1/batches": "ListBatchesResponse",
}


@pytest.mark.parametrize("path", ANSWERS)
def test_the_scripted_server_answers_as_the_schema_says(
    path: str, server: OpenAIServer, contract: Contract
) -> None:
    there = SAMPLES["classification"]
    data = Dataset.from_rows(there.rows, there.task)
    tunekit.tune(data, backend=over(server))
    (job,) = server.jobs()
    answer = httpx2.get(server.url.removesuffix("/v1") + path.format(id=job["id"])).json()
    reference = {"$ref": f"contract#/components/schemas/{ANSWERS[path]}"}
    document = {"components": contract["components"]}
    registry = Registry().with_resource("contract", Resource(document, DRAFT202012))
    found = Draft202012Validator(reference, registry=registry).iter_errors(answer)
    assert [one.message for one in found] == []
