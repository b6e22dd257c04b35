"""The examples run: scripts, notebook, the application and the package beside them."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import Classification
from tunekit.backends.registry import BACKENDS, BUILT_INS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PACKAGE = EXAMPLES / "third_party_backend"
#: By script: what it has to print on a backend of milliseconds.
ON_FAKE = {
    "classification.py": r"\d+ of 240 held-out messages need nobody to read them",
    "extraction.py": r"  how much +\S",
    "on_anthropic.py": r"<Model prompted .*\nrequests while it was compiled: 0\n",
    "on_azure.py": r"not yet: .*\ndeployed: Label\(label='request_document'",
    "on_openai.py": r"RateLimited, to be tried again: True",
    "on_trivial.py": r"The gate is open",
    "preference_answer.py": r"Where is my refund\?\n  \w",
    "preference_choose.py": r"  -> \w",
    "swap_backend.py": r"on fake",
    "transformation.py": r"exact match",
}
#: Those that are longer, or have more to show, have a test of their own.
OTHERS = {
    "demo.py", "did_it_help.py", "jobs.py", "on_autotrain.py", "on_hf_jobs.py", "on_local.py",
}  # fmt: skip


def in_process(
    *command: str, folder: Path | None = None, path: tuple[Path, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """What a script does as a process, in the (empty) current folder unless told otherwise."""
    paths = os.pathsep.join(map(str, (*path, ROOT / "src")))
    if known := os.environ.get("PYTHONPATH"):
        paths = os.pathsep.join((paths, known))
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "100", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=900,
    )


def run_example(name: str, *arguments: str) -> str:
    """What a script prints."""
    done = in_process(str(EXAMPLES / name), *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the scripts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(ON_FAKE))
def test_a_script_runs_on_fake(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEKIT_BACKEND", "fake")
    # In this process, since one of its own takes a second to start.
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")

    assert re.search(ON_FAKE[name], capsys.readouterr().out)


def test_swap_backend_runs_on_the_backend_of_its_config(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runpy.run_path(str(EXAMPLES / "swap_backend.py"), run_name="__main__")
    printed = capsys.readouterr().out

    assert "cancel_policy" in printed
    assert "on practice" in printed


def test_jobs_comes_back_to_its_job_in_another_process() -> None:
    printed = run_example("jobs.py")

    [job] = tunekit.list_jobs()
    assert f"submitted {job.id}" in printed
    assert "succeeded: Label(" in printed


def test_every_script_is_run_told_of_and_short() -> None:
    scripts = {path.name: path for path in EXAMPLES.glob("*.py")}
    told = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    assert set(scripts) == {*ON_FAKE, *OTHERS}
    assert [name for name in scripts if f"`{name}`" not in told] == []
    for path in (*scripts.values(), *(EXAMPLES / "app").glob("*.py")):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 80, path


def test_every_backend_has_a_script() -> None:
    names = {kind.replace("-", "_") for kind in BUILT_INS[BACKENDS]} - {"fake"}

    assert [name for name in names if not (EXAMPLES / f"on_{name}.py").exists()] == []


# --- where something is trained -------------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.torch
@pytest.mark.usefixtures("minilm_home")
def test_demo_tunes_a_real_model_that_beats_the_pretrained_one() -> None:
    printed = run_example("demo.py")

    assert max(map(len, printed.splitlines())) <= 100
    assert "Ich hatte am gestrigen Abend" in printed
    rows = dict(re.findall(r"(pretrained|tuned) +│ +(\d\.\d{3}) \(", printed))
    assert float(rows["tuned"]) > float(rows["pretrained"]) + 0.1
    [path] = re.findall(r"tunekit\.load\('(.+)'\)", printed)
    assert tunekit.load(path).predict("I want to cancel my contract.").label == "cancel_policy"


@pytest.mark.soak
@pytest.mark.torch
@pytest.mark.usefixtures("minilm_home")
@pytest.mark.parametrize(
    ("name", "pretrained", "tuned", "method"),
    [
        ("kundenpost", "negativ", "neutral", "head"),
        ("kundenpost", "negativ", "neutral", "full"),
        ("finanzfragen", "Aktie", "Anleihe", "full"),
    ],
)
def test_tuning_helped_where_the_lecture_says_so(
    name: str, pretrained: str, tuned: str, method: str
) -> None:
    # It ends with an error unless the tuned model is better than both others by the interval.
    printed = run_example("did_it_help.py", name, "--method", method)

    said = dict(re.findall(r"^  (pretrained|told|tuned) +(\w+) \(", printed, flags=re.MULTILINE))
    assert (said["pretrained"], said["tuned"]) == (pretrained, tuned)
    assert "Did it help? Yes: “tuned” is better than " in " ".join(printed.split())


@pytest.mark.soak
@pytest.mark.torch
@pytest.mark.usefixtures("minilm_home")
@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("extraction.py", r"  contract +HR-40231-6"),
        ("on_autotrain.py", r"<Model tuned classification on autotrain"),
        ("on_hf_jobs.py", r"at the hub: COMPLETED on cpu-basic"),
        ("on_local.py", r"artifact/head\.safetensors"),
        ("preference_choose.py", r"  -> The report of the police"),
    ],
)
def test_a_script_trains_an_encoder(name: str, printed: str) -> None:
    assert re.search(printed, run_example(name))


@pytest.mark.soak
@pytest.mark.torch
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("smollm2_home")
@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("transformation.py", r"my share of the bill is 15 %"),
        ("preference_answer.py", r"held_out_margin: "),
    ],
)
def test_a_script_trains_a_language_model(name: str, printed: str) -> None:
    assert re.search(printed, run_example(name))


# --- beside the scripts ---------------------------------------------------------------------------


def test_the_notebook_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [path] = (EXAMPLES / "notebooks").glob("*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
    shutil.copytree(EXAMPLES / "data", "data")
    Path("notebooks").mkdir()
    os.chdir("notebooks")
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{path.name}, {cell['id']}", "exec"), names)

    assert "Did it help? Yes" in capsys.readouterr().out


@pytest.mark.soak
def test_the_application_passes_its_own_test() -> None:
    app = EXAMPLES / "app"

    done = in_process("-m", "pytest", "-q", "-p", "no:cacheprovider", folder=app)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that the package is installed into, with its entry point."""
    copied = shutil.copytree(PACKAGE, tmp_path / "source")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    target = tmp_path / "installed"
    done = in_process("-m", "pip", "install", "-q", *offline, "--target", str(target), str(copied))
    assert done.returncode == 0, done.stderr
    return target


def test_the_package_is_known_by_its_name(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(installed))
    rows = [{"text": f"{word} {n}", "label": word} for word in ("car", "home") for n in range(4)]

    assert "nearest" in tunekit.list_backends()
    model = tunekit.tune(tunekit.Dataset.from_rows(rows, Classification()), backend="nearest")
    assert model.save("saved") and tunekit.load("saved").predict("my car").label == "car"


@pytest.mark.soak
def test_the_package_passes_the_suite(installed: Path) -> None:
    quiet = ("-q", "-p", "no:cacheprovider")

    done = in_process("-m", "pytest", *quiet, folder=PACKAGE, path=(installed,))
    assert done.returncode == 0, done.stdout[-3000:]
    assert "skipped" not in done.stdout
