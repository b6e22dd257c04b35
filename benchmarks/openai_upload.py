"""A million rows to a provider in little memory: rendered, checked, planned and uploaded.

    python benchmarks/openai_upload.py [--rows 1000000]

The rows are made first, the same every time, in a temporary folder. Then a fresh process reads
them and submits a job to a scripted server in a process of its own: rows are checked, tokens are
counted, the training file is written and sent. What counts is that process's peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from large_file import write_rows
from reporting import report

LIMIT = 300.0
SERVER = """
import sys
from tunekit.testing.openai import OpenAIServer
with OpenAIServer() as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""
CHILD = """
import json, resource, sys
import tunekit
source, url = sys.argv[1:]
unit = 1e6 if sys.platform == "darwin" else 1e3
def done(step, **facts):
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"step": step, "cpu": usage.ru_utime + usage.ru_stime,
                      "peak": usage.ru_maxrss / unit, **facts}), flush=True)
columns = {"text": "Text", "label": "Label"}
data = tunekit.Dataset.read(source, tunekit.Classification(), columns=columns)
done("read", rows=len(data))
backend = tunekit.backend("openai", base_url=url, api_key_env="", timeout=600)
plan = tunekit.plan(data, backend=backend)
done("plan", tokens=plan.estimate.tokens.total)
job = tunekit.submit(plan)
size = sum(one.stat().st_size for one in (job.folder / "data").iterdir())
done("submit", status=str(job.status), megabytes=round(size / 1e6))
"""


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    shown = ", ".join(f"{one} {version(one)}" for one in ("openai", "httpx2", "orjson", "pydantic"))
    print(f"Python {platform.python_version()}, {shown}, load {os.getloadavg()[0]:.1f}")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "rows.csv"
            write_rows(source, given.rows)
            environment = {**os.environ, "TUNEKIT_HOME": str(Path(folder) / "home")}
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(source), url],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
    finally:
        server.communicate("")
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    for one in steps:
        facts = {name: value for name, value in one.items() if name not in ("step", "cpu", "peak")}
        print(f"{one['step']:8} {one['cpu']:7.1f} CPU-s  peak {one['peak']:4.0f} MB  {facts}")
    good = steps[-1]["peak"] <= LIMIT
    report("upload of a large file: memory", steps[-1]["peak"], "MB", most=LIMIT)
    print(f"peak {steps[-1]['peak']:.0f} MB (limit {LIMIT:.0f})  {'ok' if good else 'FAILED'}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
