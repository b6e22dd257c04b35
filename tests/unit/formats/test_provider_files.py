"""Real files of other tools, read as what they are. Counted by hand, record by record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tunekit import Dataset, Preference, Transformation
from tunekit.errors import DataError
from tunekit.tasks.base import Task

pytestmark = pytest.mark.shared

TEXT, PAIRS = Transformation(), Preference("answer")
LONGER = "this record ({}) is no row of {}. It may hold a longer conversation, or belong to "
ROUNDS = LONGER.format("Turns and Said", "transformation") + "another task."
PAIR_OF_ROUNDS = LONGER.format("Turns and Better", "preference") + "another task."
KTO = (
    "says of one answer alone whether it is good (KTO), which is no task here: a pair has a better "
    "and a worse answer. If it means something else, rename the key."
)
CALLS = "calls a tool, which isn't part of any task."
TOOLS, IMAGES = "tools aren't part of any task.", "images aren't part of any task."
QUESTIONS = "the last turn is by user, not by assistant."


@pytest.fixture
def folder(shared: Path) -> Path:
    return shared / "data" / "provider_formats"


@pytest.mark.parametrize(
    ("name", "format", "task", "count", "told", "left_out"),
    [
        ("llama_factory/alpaca_en_demo.json", "alpaca", TEXT, 25, 0, {}),
        ("llama_factory/alpaca_zh_demo.json", "alpaca", TEXT, 10, 0, {}),
        ("llama_factory/identity.head10.json", "alpaca", TEXT, 10, 0, {}),
        ("axolotl/alpaca.json", "alpaca", TEXT, 2, 0, {}),
        # 11 with one question, 4 with a system turn before it, 5 with earlier rounds.
        ("llama_factory/dpo_en_demo.json", "sharegpt-ranking", PAIRS, 15, 4, {PAIR_OF_ROUNDS: 5}),
        ("bedrock_anthropic/json_mode_dataset.head60.jsonl", "sharegpt", TEXT, 60, 60, {}),
        # The second has four rounds, the fourth no question.
        ("openai/toy_chat_fine_tuning.jsonl", "openai-chat", TEXT, 3, 2, {ROUNDS: 2}),
        ("azure_openai/sft_gsm8k_chat_train.head100.jsonl", "openai-chat", TEXT, 100, 100, {}),
        ("azure_openai/sft_gsm8k_chat_validation.jsonl", "openai-chat", TEXT, 50, 50, {}),
    ],
)
def test_rows_are_read_and_the_others_counted(
    folder: Path,
    name: str,
    format: str,
    task: Task,
    count: int,
    told: int,
    left_out: dict[str, int],
) -> None:
    data = Dataset.read(folder / name, task, format=format, on_error="skip")
    assert len(data) == count
    assert Counter(one.message for one in data.misread) == left_out
    assert sum(row.get("system") is not None for row in data) == told
    assert all(row.meta == () or [key for key, _ in row.meta] == ["system"] for row in data)
    if left_out:
        with pytest.raises(DataError, match=f"{sum(left_out.values())} of"):
            Dataset.read(folder / name, task, format=format)


@pytest.mark.parametrize(
    ("name", "format", "task", "left_out"),
    [
        ("llama_factory/kto_en_demo.json", "sharegpt", TEXT, {KTO: 20}),
        ("llama_factory/kto_en_demo.json", "openai-chat", TEXT, {KTO: 20}),
        # Three call tools; the others have an empty list of them and two to five rounds.
        ("llama_factory/glaive_toolcall_en_demo.json", "sharegpt", TEXT, {TOOLS: 3, ROUNDS: 7}),
        ("llama_factory/mllm_demo.json", "sharegpt", TEXT, {IMAGES: 6}),
        ("openai/drone_training.head60.jsonl", "openai-chat", TEXT, {CALLS: 60}),
        ("azure_openai/rft_medmcq_validation.head60.jsonl", "openai-chat", TEXT, {QUESTIONS: 60}),
    ],
)
def test_what_is_no_task_here_is_said_record_by_record(
    folder: Path, name: str, format: str, task: Task, left_out: dict[str, int]
) -> None:
    with pytest.raises(DataError, match="no rows that could be read") as caught:
        Dataset.read(folder / name, task, format=format, on_error="skip")
    assert Counter(one.message for one in caught.value.findings) == left_out


def test_tools_that_are_offered_and_not_called_come_along(folder: Path) -> None:
    path = folder / "azure_openai" / "sft_stock_toolcall_training.jsonl"
    data = Dataset.read(path, TEXT, format="openai-chat", on_error="skip")
    assert len(data) == 50
    assert Counter(one.message for one in data.misread) == {CALLS: 36}
    assert all("get_current_stock_price" in str(row.get("tools")) for row in data)


@pytest.mark.parametrize("name", ["conversation.json", "conversation.missingturns.json"])
def test_one_object_is_no_list(folder: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name} holds dict, not a list of objects\. Write it as"):
        Dataset.read(folder / "axolotl" / name, TEXT, format="sharegpt")


def test_what_the_records_say_is_what_the_rows_say(folder: Path) -> None:
    alpaca = Dataset.read(folder / "axolotl" / "alpaca.json", TEXT, format="alpaca")
    assert alpaca[0].input.endswith("each word on its own line.\nWords: ['Hello', 'world'].")
    assert alpaca[0].output == "['world', 'Hello']"
    chinese = Dataset.read(folder / "llama_factory/alpaca_zh_demo.json", TEXT, format="alpaca")
    assert chinese[0].input == "识别并解释给定列表中的两个科学理论：细胞理论和日心说。"
    pairs = folder / "llama_factory" / "dpo_en_demo.json"
    first = Dataset.read(pairs, PAIRS, format="sharegpt-ranking", on_error="skip")[0]
    assert first.question.endswith("of a character named Angela.")
    assert first.options[first.best].startswith("That sounds like a fun and engaging idea!")
