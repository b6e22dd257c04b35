"""Long work is a job: submit it, let the process end, and come back to it by its id.

Runs offline on the fake backend; the job is a real one, with a folder of its own on disk.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import tunekit
from tunekit import Classification, Dataset

MESSAGES = Path(__file__).resolve().parent / "data" / "insurer_messages.csv"


def submit() -> str:
    """Start a job and return its id. It is on disk before anything is sent."""
    columns = {"text": "Text", "label": "Intent"}
    data = Dataset.read(MESSAGES, Classification(), columns=columns)
    job = tunekit.submit(data, backend="fake", epochs=2)
    print(f"submitted {job.id}: {job.status}")
    return job.id


def come_back(job_id: str) -> None:
    """What another process does, today or tomorrow: only the id is needed."""
    job = tunekit.attach(job_id)
    model = job.wait(timeout=60)  # a TimeoutError would leave the job running
    for event in job.events():
        print(f"{event.at}  {event.kind:<8}  {event.message}")
    print(f"{job.status}: {model.predict('Where is my refund?')}")


def main() -> None:
    """Submit in this process, come back to the job in another one."""
    if len(sys.argv) > 1:
        come_back(sys.argv[1])
        return
    job_id = submit()
    subprocess.run([sys.executable, __file__, job_id], check=True)


if __name__ == "__main__":
    main()
