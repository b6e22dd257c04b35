"""Predictions through the OpenAI backend against the bare SDK under a semaphore, in one run.

    python benchmarks/openai_throughput.py [--requests 3000] [--rounds 3]

A scripted server in a process of its own answers after 50 ms. Both send the same requests (labels,
with log-probabilities), 64 at a time: ``openai.AsyncOpenAI`` as its users write it, and
``model.predict``. What counts is requests a second, and CPU-seconds of the client's process for
each request. Both go in turns; the best round of each is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from reporting import report

AT_ONCE, DELAY = 64, 0.05
LEAST_SPEED, MOST_CPU = 0.85, 1.2
WORDS = ("car", "home", "pet", "travel")
SERVER = """
import sys
from tunekit.testing.openai import OpenAIServer
with OpenAIServer() as server:
    server.answer_delay, server.story = float(sys.argv[1]), ("running", "succeeded")
    print(server.url, flush=True)
    sys.stdin.read()
"""


class Taken(NamedTuple):
    """Requests a second, and milliseconds of CPU for each."""

    speed: float
    cpu: float


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(DELAY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as home:
            os.environ["TUNEKIT_HOME"] = home
            good = run(url, given.requests, given.rounds)
    finally:
        server.communicate("")
    sys.exit(0 if good else 1)


def run(url: str, requests: int, rounds: int) -> bool:
    """The benchmark itself; returns whether the limits were kept."""
    import tunekit
    from tunekit import Classification, Dataset

    shown = ", ".join(f"{one} {importlib.metadata.version(one)}" for one in ("openai", "httpx2"))
    print(
        f"Python {platform.python_version()}, {shown}, {os.cpu_count()} CPUs, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    rows = [{"text": f"{word} number {n}", "label": word} for word in WORDS for n in range(20)]
    backend = tunekit.backend("openai", base_url=url, api_key_env="", concurrency=AT_ONCE)
    model = tunekit.tune(Dataset.from_rows(rows, Classification()), backend=backend)
    texts = [rows[n % len(rows)]["text"] for n in range(requests)]
    turns = [[{"role": r, "content": t} for r, t in one.turns] for one in model.rendered(texts)]

    def ours() -> list[str]:
        return [label.label for label in model.predict(texts)]

    def bare() -> list[str]:
        return asyncio.run(_bare(url, model.ref.id, turns))

    expected = [text.split()[0] for text in texts]
    for warm in (ours, bare):
        assert warm() == expected, "an answer is wrong"
    taken: dict[str, list[Taken]] = {"ours": [], "bare": []}
    for _ in range(rounds):
        taken["bare"].append(_timed(bare, requests))
        taken["ours"].append(_timed(ours, requests))
    best = {
        name: Taken(max(one.speed for one in all_), min(one.cpu for one in all_))
        for name, all_ in taken.items()
    }
    for name, one in best.items():
        print(f"{name}  {one.speed:6.0f} requests/s  {one.cpu:5.2f} ms CPU each")
    speed = best["ours"].speed / best["bare"].speed
    cpu = best["ours"].cpu / best["bare"].cpu
    good = speed >= LEAST_SPEED and cpu <= MOST_CPU
    report("OpenAI predictions: throughput, of the bare SDK", speed, "x", least=LEAST_SPEED)
    report("OpenAI predictions: CPU, of the bare SDK", cpu, "x", most=MOST_CPU)
    print(f"throughput {speed:.2f} x (limit {LEAST_SPEED}), CPU {cpu:.2f} x (limit {MOST_CPU})")
    print("ok" if good else "FAILED")
    return good


async def _bare(url: str, model: str, turns: list[Any]) -> list[str]:
    """The SDK as its users write it."""
    import openai

    free = asyncio.Semaphore(AT_ONCE)
    async with openai.AsyncOpenAI(api_key="none", base_url=url) as client:

        async def ask(messages: Any) -> str:
            async with free:
                answer = await client.chat.completions.create(
                    model=model, messages=messages, temperature=0, logprobs=True, top_logprobs=20
                )
            return answer.choices[0].message.content or ""

        return await asyncio.gather(*map(ask, turns))


def _timed(work: Callable[[], object], requests: int) -> Taken:
    wall, cpu = time.monotonic(), time.process_time()
    work()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    return Taken(requests / wall, 1_000 * cpu / requests)


if __name__ == "__main__":
    main()
