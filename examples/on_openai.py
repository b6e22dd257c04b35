"""OpenAI: what a job will cost and until when it is worth it, the job itself, and its model.

The plan is OpenAI's own and asks nobody. The job runs against a scripted server on this machine: no
key, no cost. For the real one set ``OPENAI_API_KEY`` and use ``real`` where ``backend`` stands now.
*Not run* against the live service.
"""

from __future__ import annotations

from pathlib import Path

import tunekit
from tunekit import BackendError, Classification, Dataset
from tunekit.testing.openai import Fault, OpenAIServer

MESSAGES = Path(__file__).resolve().parent / "data" / "insurer_messages.csv"
BASE = "gpt-4.1-mini-2025-04-14"


def main() -> None:
    """Plan, submit, watch, ask; then a provider that can't answer."""
    columns = {"text": "Text", "label": "Intent"}
    data = Dataset.read(MESSAGES, Classification(), columns=columns)
    train, test = data.split(test=0.25, seed=7)

    real = tunekit.backend("openai", model=BASE)
    print(tunekit.plan(train, backend=real, epochs=3))

    with OpenAIServer() as server:  # behaves as OpenAI does, and answers from what it was sent
        server.story = ("validating_files", "running", "succeeded")
        backend = tunekit.backend(
            "openai", base_url=server.url, api_key_env="", model=BASE, retries=0
        )
        job = tunekit.submit(train, backend=backend, epochs=3)
        print(f"\n{job}")  # on disk before anything was sent: tunekit.attach(job.id) finds it
        model = job.wait()
        for event in list(job.events())[-4:]:
            print(f"  {event.kind}: {event.message}")

        answer = model.predict("Someone drove into my parked car.")
        print(f"\n{model}\n  {answer}")
        few = test.sample(20, seed=7)
        print(f"  {model.evaluate(few).to_dict()['accuracy']}")

        server.script("POST /chat/completions", Fault("refuse", status=429), always=True)
        try:
            model.predict("And now?")
        except BackendError as error:
            print(f"  {type(error).__name__}, to be tried again: {error.retryable}")


if __name__ == "__main__":
    main()
