from __future__ import annotations

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.padding import pad  # noqa: E402


def test_rows_are_filled_up_on_the_right() -> None:
    ids, mask = pad([[5, 6, 7], [8], [9, 0]], torch.device("cpu"), filler=3)
    assert ids.tolist() == [[5, 6, 7], [8, 3, 3], [9, 0, 3]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    assert ids.dtype == mask.dtype == torch.int64
