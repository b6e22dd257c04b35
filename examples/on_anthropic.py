"""Anthropic: nothing is trained there, so ``tune`` compiles a prompt with examples, and says so.

It talks to a scripted server on this machine: no key, no cost. For the real one set
``ANTHROPIC_API_KEY``, leave the server out, and with it ``base_url`` and ``api_key_env``. *Not run*
against the live service.
"""

from __future__ import annotations

from pathlib import Path

import tunekit
from tunekit import Classification, Dataset
from tunekit.testing.anthropic import AnthropicServer

MESSAGES = Path(__file__).resolve().parent / "data" / "insurer_messages.csv"
ASKED = ["I moved, my new address is Gartenweg 7.", "Why is my premium higher this year?"]


def main() -> None:
    """Compile, ask, and see what the provider's cache saves."""
    columns = {"text": "Text", "label": "Intent"}
    data = Dataset.read(MESSAGES, Classification(), columns=columns)
    train, test = data.split(test=0.25, seed=7)
    with AnthropicServer() as server:
        server.batch_story = ("ended",)
        backend = tunekit.backend("anthropic", base_url=server.url, api_key_env="")
        print(tunekit.plan(train, backend=backend, shots=16, nearest=8))

        model = tunekit.tune(train, backend=backend, shots=16, nearest=8)
        print(f"\n{model}")  # "prompted": honest about what it is, here and in every report
        print(f"requests while it was compiled: {len(server.requests)}")
        for text, answer in zip(ASKED, model.predict(ASKED), strict=True):
            print(f"  {answer.label:<18} {text}")
        last = server.usages[-1]
        print(f"tokens read from the cache by the last call: {last['cache_read_input_tokens']}")

        # Many at once, for less and within a day; another process finds the job by its id.
        job = model.submit_predictions(test.sample(20, seed=7))
        print(f"{job.id}: {len(job.wait())} answers as a batch")


if __name__ == "__main__":
    main()
