"""What a process that we start may know of this one's environment."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["environment"]

#: What a worker may need of this process's environment. It talks to nobody, so it gets no key.
# fmt: off
PASSED_ON = frozenset((
    "APPDATA", "COMSPEC", "CONDA_PREFIX", "HOME", "HOMEDRIVE", "HOMEPATH", "LANG", "LANGUAGE",
    "LD_LIBRARY_PATH", "LD_PRELOAD", "LOCALAPPDATA", "LOGNAME", "NUMBER_OF_PROCESSORS", "PATH",
    "PATHEXT", "PROCESSOR_ARCHITECTURE", "PROGRAMDATA", "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP",
    "TMPDIR", "TZ", "USER", "USERNAME", "USERPROFILE", "VIRTUAL_ENV", "WINDIR",
))
# fmt: on
PASSED_ON_PREFIXES = (
    "COVERAGE_",
    "CUDA_",
    "DYLD_",
    "GLOO_",
    "GOMP_",
    "HIP_",
    "KMP_",
    "LC_",
    "MKL_",
    "NCCL_",
    "NVIDIA_",
    "OMP_",
    "OPENBLAS_",
    "PYTHON",
    "PYTORCH_",
    "ROCR_",
    "TORCH",
    "XDG_",
)


def environment() -> dict[str, str]:
    """The environment of a worker: what it needs to run, and no secret."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in PASSED_ON or name.upper().startswith(PASSED_ON_PREFIXES)
    }
    kept.update(HF_HUB_OFFLINE="1", PYTHONUTF8="1")
    ours = Path(__file__).resolve().parents[3]
    if ours.name not in ("site-packages", "dist-packages"):
        # Not installed but found some other way, which the worker can't know.
        paths = [str(ours), *filter(None, [kept.get("PYTHONPATH")])]
        kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept
