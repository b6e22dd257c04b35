"""Azure: the same backend as OpenAI's under a name of its own, all of it in ``tunekit.toml``.

Azure answers through a deployment, which somebody creates between training and the first question.
Here a scripted server on this machine stands for it. For the real one leave the server out, set
``AZURE_OPENAI_API_KEY``, and put your resource into the file::

    base_url = "https://my-resource.openai.azure.com/openai/v1/"
    api_key_env = "AZURE_OPENAI_API_KEY"

Every other server that speaks this API is configured so, without ``training_type`` and
``deployment``. *Not run* against the live service.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import tunekit
from tunekit import BackendError, Classification, Dataset
from tunekit.testing.openai import OpenAIServer

MESSAGES = Path(__file__).resolve().parent / "data" / "insurer_messages.csv"
BASE = "gpt-4.1-mini-2025-04-14"
CONFIG = f"""
[backends.azure]
type = "openai"
base_url = "{{url}}"
api_key_env = ""
model = "{BASE}"
training_type = "GlobalStandard"   # what Azure is to train on
deployment = "triage"              # the name that the tuned model will answer to
"""


def main() -> None:
    """Write the file, tune, deploy, ask."""
    columns = {"text": "Text", "label": "Intent"}
    data = Dataset.read(MESSAGES, Classification(), columns=columns)
    with (
        OpenAIServer() as server,
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
    ):
        server.azure, server.base_models = True, (BASE,)
        server.story = ("queued", "running", "succeeded")
        Path("tunekit.toml").write_text(CONFIG.format(url=server.url), encoding="utf-8")

        model = tunekit.tune(data, backend="azure", epochs=2)
        print(model)
        try:
            model.predict("Please send me a proof of insurance.")
        except BackendError as error:
            print(f"not yet:  {error}")

        # In the portal, or with `az cognitiveservices account deployment create`.
        server.deployment = "triage"
        print(f"deployed: {model.predict('Please send me a proof of insurance.')}")


if __name__ == "__main__":
    main()
