from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from tunekit import Classification, Dataset, Extraction, Preference
from tunekit.backends.base import State, Step
from tunekit.backends.local import LocalBackend
from tunekit.backends.trainer import pace
from tunekit.backends.trainer.methods import ROUTES
from tunekit.data.render import render
from tunekit.planning import Estimate, Setup
from tunekit.shapes import Shape
from tunekit.training.costs import head_fitting
from tunekit.training.folder import RunFolder

WORDS = ("my", "card", "is", "lost", "i", "want", "money", "back", "thanks", "great", "the", "app")
GERMAN = "Ich warte jetzt schon über eine Woche auf meine neue Karte, Nummer {}."


def varied(count: int, repeats: int = 0) -> list[tuple[str, str]]:
    """Texts of 1 to 31 words, some of them too long for 64 tokens, some of them twice."""
    rows = [
        (" ".join(WORDS[(n + k) % 12] for k in range(1 + n * 7 % 31)) + f" {n}", "ab"[n % 2])
        for n in range(count)
    ]
    rows[3] = ("card " * 100, "a")
    return rows + rows[:repeats]


def dataset(rows: list[tuple[str, str]]) -> Dataset:
    return Dataset.from_rows([{"text": t, "label": y} for t, y in rows], Classification())


def setup_of(
    model: str | Path,
    rows: list[tuple[str, str]],
    validation: list[tuple[str, str]] | None = None,
    method: str = "head",
    **given: Any,
) -> Setup:
    data = dataset(rows)
    backend = LocalBackend(home=Path("unused"))
    route = next(one for one in ROUTES[None] if (one.method, one.shape) == (method, Shape.LABELLED))
    return Setup(
        data=data,
        validation=dataset(validation).with_task(data.task) if validation else None,
        task=data.task,
        prompt=data.task.prompt(),
        route=route,
        model=str(model),
        hyperparameters=backend.hyperparameters(route, given),
        today=date(2026, 1, 1),
    )


class Notes:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[Step] = []

    @property
    def run_id(self) -> str:
        return self.folder.name

    def note(self, name: str, **facts: Any) -> None:
        self.steps.append(Step("now", name, facts))


def trained(backend: LocalBackend, setup: Setup, home: Path) -> dict[str, Any]:
    """Train it, and return what ``result.json`` says."""
    notes = Notes(home / "runs" / f"run-{len(list(home.glob('runs/*')))}")
    (notes.folder / "data").mkdir(parents=True)
    for name, data in (("train", setup.data), ("validation", setup.validation)):
        if data is not None:
            lines = render(data, setup.task, setup.route.shape, setup.route.format, setup.prompt)
            (notes.folder / "data" / f"{name}.jsonl").write_bytes(b"".join(lines))
    ref = backend.submit(setup, notes)
    deadline = time.monotonic() + 120
    while backend.poll(ref).state is State.RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    result = RunFolder(notes.folder).result()
    assert result is not None
    assert result["status"] == "succeeded", result
    return dict(result)


# --- tokens and what is cut -----------------------------------------------------------------------


def test_tokens_are_counted_by_the_models_own_tokenizer(tiny_encoder: Path, tmp_path: Path) -> None:
    rows = [("my card", "a"), ("lost", "b"), ("my card " * 31, "a"), ("my card " * 31 + "is", "b")]
    estimate = LocalBackend(home=tmp_path).prepare(setup_of(tiny_encoder, rows))
    assert estimate.tokens == (4 + 3 + 64 + 64, True)
    assert estimate.truncated == 1
    (cut,) = estimate.findings
    assert (cut.code, cut.severity, cut.row, cut.source) == ("text-cut", "warning", 3, "rows[3]")
    assert "1 of 4 texts are longer than 64 tokens" in cut.message
    assert "told from characters" not in estimate.note
    shorter = LocalBackend(home=tmp_path).prepare(setup_of(tiny_encoder, rows, max_length=8))
    assert shorter.tokens == (4 + 3 + 8 + 8, True)
    assert shorter.truncated == 2


def test_validation_rows_are_looked_at_too(tiny_encoder: Path, tmp_path: Path) -> None:
    train, long = [("my card", "a"), ("lost", "b")], "card " * 70
    validation = [("the app", "a"), (long, "b"), (long + "is", "c")]
    estimate = LocalBackend(home=tmp_path).prepare(setup_of(tiny_encoder, train, validation))
    assert estimate.tokens == (4 + 3 + 4 + 64 + 64, True)
    assert estimate.truncated == 2
    (cut,) = estimate.findings
    assert "2 of 3 validation texts" in cut.message
    assert cut.row == 1


def test_text_that_went_astray_is_an_error_and_quickly_found(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    rows = [("my card", "a"), ("lost", "b"), ("card " * 6_000, "a"), ("card " * 4_000_000, "b")]
    setup = setup_of(tiny_encoder, rows)
    begin = time.process_time()
    estimate = LocalBackend(home=tmp_path).prepare(setup)
    assert time.process_time() - begin < 1
    errors = [one for one in estimate.findings if one.severity == "error"]
    assert [(one.code, one.row) for one in errors] == [
        ("text-hardly-read", 2),
        ("text-hardly-read", 3),
    ]
    assert "20,000,000 characters" in errors[1].message
    assert estimate.tokens == (4 + 3 + 64 + 64, True)


def test_without_tokenizers_tokens_are_told_from_characters(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    estimate = LocalBackend(home=tmp_path).prepare(setup_of(tiny_encoder, varied(20)))
    assert estimate.tokens is not None
    assert not estimate.tokens.exact
    assert "tokens are told from characters" in estimate.note
    assert "tunekit-sdk[local]" in estimate.note


def test_unfetched_weights_are_told_with_the_way_to_them(tmp_path: Path) -> None:
    estimate = LocalBackend(home=tmp_path).prepare(setup_of("minilm", varied(20)))
    assert estimate.tokens is not None
    assert not estimate.tokens.exact
    assert "'minilm' isn't on this machine yet, and the first tune fetches it" in estimate.note
    assert estimate.memory is not None  # its size is in the catalogue
    assert not list(tmp_path.iterdir())


def test_nothing_is_said_of_a_model_of_unknown_size(tmp_path: Path) -> None:
    estimate = LocalBackend(home=tmp_path).prepare(setup_of("some-org/model", varied(20)))
    assert (estimate.memory, estimate.seconds, estimate.truncated) == (None, None, None)
    assert "how large 'some-org/model' is isn't known here" in estimate.note


def test_languages_that_the_model_does_not_know_are_told(tmp_path: Path) -> None:
    pytest.importorskip("py3langid", reason="needs the extra local")
    rows = [(GERMAN.format(n), "ab"[n % 2]) for n in range(40)]
    backend = LocalBackend(home=tmp_path)
    (finding,) = backend.prepare(setup_of("minilm", rows)).findings
    assert (finding.code, finding.row) == ("unknown-language", None)
    assert "100% of the texts" in finding.message
    assert "de 40" in finding.message
    assert backend.prepare(setup_of("some-org/model", rows)).findings == ()


def test_a_plan_does_without_what_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py3langid", None)
    rows = [(GERMAN.format(n), "ab"[n % 2]) for n in range(40)]
    assert LocalBackend(home=tmp_path).prepare(setup_of("minilm", rows)).findings == ()


# --- what the worker will do ----------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("with_validation", [pytest.param(False, marks=pytest.mark.soak), True])
def test_plan_foresees_exactly_what_the_worker_computes(
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    with_validation: bool,
) -> None:
    judged = [*varied(60)[20:], ("a new one", "a"), ("of another label", "z")]
    validation = judged if with_validation else None
    # More than is embedded at once, so that parts and their borders count as well.
    setup = setup_of(tiny_encoder, varied(2_500, repeats=30), validation)
    backend = LocalBackend(home=tmp_path)
    foreseen, planned = seen(monkeypatch), backend.prepare(setup)
    result = trained(backend, setup, tmp_path)
    measured = result["measured"]
    assert foreseen["reading"] == measured["reading"]
    assert foreseen["fitting"] == measured["fitting"]
    assert measured["reading"]["texts"] == 2_500 + with_validation
    assert planned.tokens is not None
    assert planned.tokens.total >= measured["reading"]["tokens"]
    assert set(result["metrics"]["timings"]) == {"start", "load", "embed", "fit"}
    assert sum(result["metrics"]["timings"].values()) == pytest.approx(
        result["metrics"]["seconds"], abs=10
    )
    assert 50e6 < measured["memory"] < 2e9


def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the next estimate of time is made from."""
    from tunekit.backends.trainer import candidates
    from tunekit.training.costs import head_seconds

    found: dict[str, Any] = {}

    def note(reading: Any, fitting: Any, depth: Any, precision: str) -> dict[str, float]:
        if not found:  # the method that will run comes first, then all that could
            found.update(reading=reading._asdict(), fitting=fitting._asdict())
        return head_seconds(reading, fitting, depth, precision)

    monkeypatch.setattr(candidates, "head_seconds", note)
    return found


@pytest.mark.torch
def test_constants_are_the_workers_own() -> None:
    from tunekit.training import cache, costs, encoder, head

    assert (costs.CPU_TOKENS, costs.GPU_TOKENS) == (encoder.CPU_TOKENS, encoder.GPU_TOKENS)
    assert cache.COMMIT_EVERY == costs.EMBEDDED_AT_ONCE <= encoder.TOKENISED_AT_ONCE
    assert (costs.FOLDS, costs.OUT_OF_FOLD_UP_TO, costs.HELD_OUT_MOST) == (
        head.FOLDS,
        head.OUT_OF_FOLD_UP_TO,
        head.HELD_OUT_MOST,
    )


@pytest.mark.torch
@pytest.mark.parametrize("rows", [2, 60, 2_000, 2_005, 40_000])
def test_held_out_rows_are_foreseen(rows: int) -> None:
    from tunekit.training.head import hold_out

    splits = hold_out([n % 2 for n in range(rows)], seed=0) if rows > 2 else []
    fitting = head_fitting(
        rows=rows, distinct=rows, characters=0, classes=2, dimensions=8, validation=0, searched=True
    )
    assert fitting.splits == len(splits)
    assert fitting.judged == pytest.approx(sum(len(one.held_out) for one in splits), rel=0.01)
    if splits:
        assert fitting.fitted == pytest.approx(len(splits[0].fitted), rel=0.01)


# --- time and memory ------------------------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.torch
def test_later_plans_stand_on_earlier_runs_and_the_cache(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    backend = LocalBackend(home=tmp_path)
    setup = setup_of(tiny_encoder, varied(1_500))
    before = backend.prepare(setup)
    assert "no run on this machine yet: rough" in before.note
    took = trained(backend, setup, tmp_path)

    again = backend.prepare(setup)
    assert again == backend.prepare(setup)
    assert "measured on this machine, in an earlier run" in again.note
    assert "1,500 of 1,500 texts are embedded already" in again.candidates[0].note
    half = backend.prepare(setup_of(tiny_encoder, varied(3_000)))
    assert "1,500 of 3,000 texts" in half.candidates[0].note
    other = backend.prepare(setup_of(tiny_encoder, varied(1_500), max_length=8))
    assert "embedded already" not in other.candidates[0].note
    assert again.memory is not None and half.memory is not None
    assert again.memory < half.memory

    # Said again of the very run that it stands on, but for the embedding.
    timings = took["metrics"]["timings"]
    assert again.seconds == pytest.approx(sum(timings.values()) - timings["embed"], rel=0.25)
    uncached = LocalBackend(home=tmp_path, cache=False).prepare(setup)
    assert uncached.seconds == pytest.approx(sum(timings.values()), rel=0.25)
    assert uncached.memory == pytest.approx(took["measured"]["memory"] + 120e6, rel=0.1)


RUN = {
    "status": "succeeded",
    "metrics": {"timings": {"start": 2.0, "load": 3.0, "embed": 100.0, "fit": 4.0}},
    "measured": {
        "machine": "this one",
        "method": "head",
        "base": "minilm",
        "max_length": 256,
        "device": "cpu",
        "precision": "fp32",
        "threads": 2,
        "cache": None,
        "memory": 900_000_000,
        "reading": {
            "texts": 2000, "characters": 80_000, "tokens": 20_000,
            "squares": 200_000, "batches": 100, "forms": 50,
        },
        "fitting": {
            "rows": 2000, "distinct": 2000, "characters": 80_000, "classes": 2, "dimensions": 384,
            "splits": 5, "fitted": 1600, "judged": 2000, "searched": True,
        },
        "depth": {"layers": 6, "inner": 1536, "stored": 90_000_000},
    },
}  # fmt: skip


def noted(home: Path, name: str, **changes: Any) -> None:
    """A finished run, as another worker left it."""
    run = orjson.loads(orjson.dumps(RUN))
    for key, value in changes.items():
        part = run["metrics"]["timings"] if key in run["metrics"]["timings"] else run["measured"]
        part[key] = value
    (home / "runs" / name).mkdir(parents=True)
    (home / "runs" / name / "result.json").write_bytes(orjson.dumps(run))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "machine_name", lambda: "this one")


def said(home: Path, *, rows: int = 2_000, method: str = "head", **options: Any) -> Estimate:
    setup = setup_of("minilm", varied(rows), method=method)
    return LocalBackend(home=home, **options).prepare(setup)


@pytest.mark.usefixtures("here")
def test_time_scales_with_what_earlier_runs_took(tmp_path: Path) -> None:
    noted(tmp_path / "slow", "20260101-1")
    noted(tmp_path / "quick", "20260101-1", embed=10.0)
    slow, quick = said(tmp_path / "slow"), said(tmp_path / "quick")
    assert slow.seconds is not None and quick.seconds is not None
    assert slow.seconds > 3 * quick.seconds
    for number in range(4):  # one odd run among several is no matter
        noted(tmp_path / "quick", f"20260101-{number + 2}", embed=900.0 if number == 3 else 10.0)
    assert said(tmp_path / "quick").seconds == quick.seconds
    assert "in 5 earlier runs" in said(tmp_path / "quick").note


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"machine": "another one"}, {}),
        ({"device": "cuda"}, {"device": "cpu"}),
        ({"precision": "bf16"}, {"precision": "fp32"}),
        ({"threads": 8}, {"threads": 1}),
        ({"tuning": {"words": 3}}, {}),
        ({"reading": {"words": 3}}, {}),
        ({"fitting": 3}, {}),
    ],
)
def test_runs_that_say_nothing_of_this_one_are_passed_over(
    tmp_path: Path, changes: dict[str, Any], options: dict[str, Any]
) -> None:
    noted(tmp_path, "20260101-1", **changes)
    assert "no run on this machine yet" in said(tmp_path, **options).note


def test_gpu_is_unknown_before_its_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimate = said(tmp_path, device="cuda")
    assert (estimate.memory, estimate.seconds) == (None, None)
    assert "nothing is known of this device before its first run" in estimate.note
    monkeypatch.setattr(pace, "machine_name", lambda: "this one")
    noted(tmp_path, "20260101-1", device="cuda")
    assert said(tmp_path, device="cuda").seconds is not None


def test_slower_machines_get_longer_estimates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_glance", lambda: 1.0)
    usual = said(tmp_path).seconds
    monkeypatch.setattr(pace, "_glance", lambda: 2.25)
    slow = said(tmp_path).seconds
    assert usual is not None and slow is not None
    assert slow == pytest.approx(2.25 * usual, rel=0.1)


def test_fp32_takes_longer_and_less_memory(tmp_path: Path) -> None:
    full, half = said(tmp_path, precision="fp32"), said(tmp_path, precision="bf16")
    assert full.seconds is not None and half.seconds is not None
    assert full.memory is not None and half.memory is not None
    assert full.seconds > half.seconds
    assert full.memory < half.memory


def test_more_rows_and_classes_take_more(tmp_path: Path) -> None:
    backend = LocalBackend(home=tmp_path)
    few = backend.prepare(setup_of("minilm", varied(3_000)))
    more = backend.prepare(setup_of("minilm", varied(9_000)))
    labelled = [(text, str(n % 300)) for n, (text, _) in enumerate(varied(9_000))]
    classes = backend.prepare(setup_of("minilm", labelled))
    sizes = [(one.seconds or 0, one.memory or 0) for one in (few, more, classes)]
    assert sizes == sorted(sizes)
    assert len({seconds for seconds, _ in sizes}) == 3


# --- candidates -----------------------------------------------------------------------------------


def test_candidates_are_what_auto_chooses_among(tmp_path: Path) -> None:
    many, few = said(tmp_path, method="auto"), said(tmp_path, rows=900, method="auto")
    assert [one.method for one in many.candidates] == ["full", "head", "lora"]
    assert [one.method for one in few.candidates] == ["head", "full", "lora"]
    assert "takes 'full' unless the 95 % interval says that 'full' is worse" in many.rule
    assert "takes 'head' unless the 95 % interval says that 'full' is better" in few.rule
    assert "with 2,000 rows" in many.rule
    assert many.cost == "nothing is paid: it runs on this machine"


def test_figures_are_those_of_the_method_and_candidates_are_always_the_same(
    tmp_path: Path,
) -> None:
    found = {method: said(tmp_path, method=method) for method in ("auto", "head", "full", "lora")}
    assert len({one.candidates for one in found.values()}) == 1
    for one in found["auto"].candidates:
        asked = found[one.method]
        assert (one.memory, one.seconds) == (asked.memory, asked.seconds)
    head, full, lora = (found[name] for name in ("head", "full", "lora"))
    assert head.seconds is not None and full.seconds is not None and head.memory is not None
    assert full.memory is not None and lora.memory is not None
    assert full.seconds > 2 * head.seconds
    assert full.memory > lora.memory > head.memory
    assert found["auto"].seconds == full.seconds


@pytest.mark.parametrize(
    ("given", "factor"), [({"epochs": 9}, 3.0), ({"batch_size": 1}, 1.0), ({"max_length": 8}, 0.4)]
)
def test_settings_count(tmp_path: Path, given: dict[str, Any], factor: float) -> None:
    backend = LocalBackend(home=tmp_path)
    rows = varied(2_000)
    usual = backend.prepare(setup_of("minilm", rows, method="full", epochs=3)).seconds
    other = backend.prepare(setup_of("minilm", rows, method="full", **{"epochs": 3, **given}))
    assert usual is not None and other.seconds is not None
    if "batch_size" in given:  # more steps, each with its own price
        assert other.seconds > 1.5 * usual
    else:
        assert other.seconds == pytest.approx(factor * usual, rel=0.35)


@pytest.mark.usefixtures("here")
def test_what_tuning_took_counts_for_later_plans(tmp_path: Path) -> None:
    tuning = {
        "tokens": 400_000, "squares": 4_000_000, "judged": 60_000, "steps": 300,
        "parameters": 10_600_000, "at_once": 2_000,
    }  # fmt: skip
    for name, took in (("slow", 900.0), ("quick", 90.0)):
        noted(tmp_path / name, "20260101-1", method="auto", tuning=tuning)
        path = tmp_path / name / "runs" / "20260101-1" / "result.json"
        run = orjson.loads(path.read_bytes())
        run["metrics"]["timings"]["tune"] = took
        path.write_bytes(orjson.dumps(run))
    slow, quick = (said(tmp_path / name, method="full") for name in ("slow", "quick"))
    assert slow.seconds is not None and quick.seconds is not None
    assert slow.seconds > 1.8 * quick.seconds
    heads = [said(tmp_path / name).seconds for name in ("slow", "quick")]
    assert heads[0] == heads[1]


@pytest.mark.torch
def test_tuning_is_foreseen_as_the_worker_does_it(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunekit.backends.trainer import candidates
    from tunekit.training.tuning_costs import tuning_seconds

    seen: list[Any] = []

    def note(tuning: Any, *sizes: Any) -> float:
        seen.append(tuning)
        return tuning_seconds(tuning, *sizes)

    monkeypatch.setattr(candidates, "tuning_seconds", note)
    backend = LocalBackend(home=tmp_path)
    setup = setup_of(tiny_encoder, varied(600), method="full", epochs=1)
    backend.prepare(setup)
    foreseen = seen[0]
    result = trained(backend, setup, tmp_path)
    did = result["measured"]["tuning"]
    assert foreseen.tokens == pytest.approx(did["tokens"], rel=0.15)
    assert foreseen.judged == pytest.approx(did["judged"], rel=0.3)
    assert foreseen.steps == pytest.approx(did["steps"], rel=0.15)
    assert foreseen.parameters == pytest.approx(did["parameters"], rel=0.3)
    assert {"embed", "fit", "tune"} < set(result["metrics"]["timings"])
    assert "measured on this machine" in backend.prepare(setup).note


@pytest.mark.parametrize(
    ("task", "row", "methods"),
    [
        (Extraction(["city"]), {"text": "in Bonn", "spans": [[3, 7, "city"]]}, ["full", "lora"]),
        (
            Preference(),
            {"question": "which?", "options": ["this", "that"], "best": 1},
            ["bi-encoder", "cross-encoder"],
        ),
    ],
)
def test_other_tasks_have_figures_too(
    tmp_path: Path, task: Any, row: dict[str, Any], methods: list[str]
) -> None:
    backend = LocalBackend(home=tmp_path)

    def prepared(rows: int) -> Estimate:
        data = Dataset.from_rows([row] * rows, task)
        route = next(one for one in ROUTES[None] if one.shape in task.offers)
        return backend.prepare(
            Setup(
                data=data,
                validation=None,
                task=data.task,
                prompt=data.task.prompt(),
                route=route,
                model="minilm",
                hyperparameters=backend.hyperparameters(route, {}),
                today=date(2026, 1, 1),
            )
        )

    few, many = prepared(1_000), prepared(10_000)
    assert [one.method for one in few.candidates] == methods
    assert few.seconds is not None and many.seconds is not None
    assert 2 * few.seconds < many.seconds
    assert few.memory is not None and few.memory > 500e6
    assert few.rule.startswith("auto t")
