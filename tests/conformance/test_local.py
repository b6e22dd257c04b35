"""The local backend against the suite. It calls nobody, so no check of faults is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tunekit.backends.base import Backend
from tunekit.backends.local import LocalBackend
from tunekit.testing.checks import answers
from tunekit.testing.conformance import ConformanceSuite
from tunekit.testing.harness import BackendHarness, Provider

HERE = Path(__file__).parent


class LocalHarness(BackendHarness):
    name = "local"
    support = HERE / "support.json"
    golden = HERE.parent / "golden"

    def make(self, home: Path, provider: Provider | None) -> Backend:
        return LocalBackend(home=home)


#: Checks that train. Of each task one method takes the first in every run, one task the others; all
#: else is left to the long one.
ASKED = (
    "asked_as_trained",
    "one_is_as_many",
    "all_ways_of_asking_agree",
    "a_saved_model_answers_alike",
    "a_bad_input_costs_no_other",
    "a_model_says_what_it_is",
)
TRAINING = (*ASKED, "a_long_row_is_trained_or_refused", "one_row_is_trained_or_refused")
FIRST = "classification_auto"
ALWAYS = (
    FIRST,
    "extraction_full",
    "preference_choose_bi_encoder",
    "transformation_lora",
)
#: A tagger leaves nothing of a text unread, and a megabyte takes it minutes: a part of it will do,
#: which is still more than training takes.
LONG, CHARACTERS = "test_a_long_row_is_trained_or_refused__extraction", 150_000


@pytest.mark.torch
class TestLocal(ConformanceSuite):
    harness = LocalHarness()

    @pytest.fixture(autouse=True)
    def weights(self, minilm: Path) -> None:
        # By its path: every check has a home of its own, in which nothing is cached.
        LocalHarness.model = str(minilm)

    @pytest.fixture(autouse=True)
    def shorter(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        if request.node.name.startswith(LONG):
            monkeypatch.setattr(answers, "LONG", answers.LONG[:CHARACTERS])


#: An adapter of rank 8 on 32 random dimensions doesn't come to write JSON; all weights do.
UNLEARNT = "__extraction_lora"


#: From nothing a model takes half a minute to learn to write, so of each method only these are
#: checked, and in every run one of them; the others are of one method a task.
CHECKED_FOR_ALL = ("test_asked_as_trained__", "test_one_is_as_many__")
WRITTEN = "test_asked_as_trained__transformation_lora"


class LanguageHarness(LocalHarness):
    name = "local-language"
    #: From random weights it takes some time until every answer ends, and is JSON where it has to.
    hyperparameters: ClassVar[Mapping[str, Any]] = {"epochs": 300, "learning_rate": 1e-2}


@pytest.mark.torch
class TestLocalLanguage(ConformanceSuite):
    harness = LanguageHarness()

    @pytest.fixture(autouse=True)
    def weights(self, tiny_causal: Path) -> None:
        LanguageHarness.model = str(tiny_causal)


class RewritingHarness(LocalHarness):
    name = "local-rewriting"
    hyperparameters: ClassVar[Mapping[str, Any]] = {"epochs": 400, "learning_rate": 1e-2}


@pytest.mark.torch
class TestLocalRewriting(ConformanceSuite):
    harness = RewritingHarness()

    @pytest.fixture(autouse=True)
    def weights(self, tiny_seq2seq: Path) -> None:
        RewritingHarness.model = str(tiny_seq2seq)


for _suite in (TestLocal, TestLocalLanguage, TestLocalRewriting):
    for _name, _test in list(vars(_suite).items()):
        if not _name.startswith(tuple(f"test_{one}__" for one in TRAINING)):
            continue
        writes = _suite is not TestLocal
        checked = _name.endswith(ALWAYS) or _name.startswith(CHECKED_FOR_ALL)
        if writes and (not checked or _name.endswith(UNLEARNT)):
            delattr(_suite, _name)
            continue
        if _name.endswith("_qlora"):  # four bits need a GPU
            _test = pytest.mark.gpu(_test)
        trained = _name.startswith(f"test_{ASKED[0]}__")
        always = _name.endswith(ALWAYS if trained else FIRST) and not _name.startswith(LONG)
        if not (_suite is TestLocalLanguage and _name == WRITTEN) if writes else not always:
            _test = pytest.mark.soak(_test)
        setattr(_suite, _name, _test)


for _suite in (TestLocalLanguage, TestLocalRewriting):
    for _name in (
        "test_a_job_survives_a_fresh_process",
        "test_a_cancelled_job_stays_cancelled",
        "test_a_finished_job_stays_as_it_is",
    ):
        setattr(_suite, _name, pytest.mark.soak(getattr(_suite, _name)))


def test_what_a_scripted_provider_is_for_is_absent_and_not_skipped() -> None:
    names = [name for name in vars(TestLocal) if name.startswith("test_")]
    assert "test_the_bytes_are_golden__classification_head" in names
    assert [name for name in names if "faults_of" in name or "key" in name] == []
