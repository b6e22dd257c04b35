"""Hugging Face Jobs: our own worker on a rented machine, with a bill that can't grow.

A scripted hub on this machine stands for the real one, and runs the job's command as a process
here: the worker really trains. It needs the extras ``local`` and ``hf``. For the real one set
``HF_TOKEN``, leave the server out, and with it ``endpoint`` and ``token_env``. *Not run* against
the live Hub.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # the scripted hub takes plain uploads only

import tunekit
from tunekit import Classification, Dataset
from tunekit.testing.hub import HubServer

LETTERS = Path(__file__).resolve().parent / "data" / "kundenpost.csv"


def main() -> None:
    """See the price, send it away, read what the machine says, ask the model that came home."""
    data = Dataset.read(LETTERS, Classification())
    train, test = data.split(test=0.3, seed=0)
    os.environ["SCRIPTED_TOKEN"] = "hf_any"
    with HubServer(key="hf_any") as server:
        backend = tunekit.backend(
            "hf-jobs",
            endpoint=server.url,
            token_env="SCRIPTED_TOKEN",
            flavor="cpu-basic",
            max_cost=0.50,  # it is stopped in time, or refused
        )
        plan = tunekit.plan(train, backend=backend, method="head")
        print(f"{plan.estimate.cost}\n")

        job = tunekit.submit(plan)  # one private repository, one job; this process may end now
        model = tunekit.attach(job.id).wait()
        for event in list(job.events())[-5:]:
            print(f"  {event.kind:<8} {event.message}")
        [there] = server.jobs()
        print(f"\nat the hub: {there['status']['stage']} on {there['flavor']}")
        print(f"files that stay there: {sorted(server.files(server.repos()[0]['id']))[:4]} …")

    print(f"\n{model}")  # it answers here: the hub isn't needed any more
    print(model.predict("Niemand ruft zurück, ich bin wirklich verärgert."))
    print(f"right: {model.evaluate(test).to_dict()['accuracy']['value']:.2f}")


if __name__ == "__main__":
    main()
