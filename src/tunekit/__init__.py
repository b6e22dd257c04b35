"""Fine-tune on any backend: typed data and tasks that outlive every provider.

Importing this loads next to nothing; names are loaded when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .api import (
        attach,
        attach_predictions,
        backend,
        list_backends,
        list_formats,
        list_jobs,
        load,
        plan,
        submit,
        tune,
    )
    from .bulk import PredictionJob
    from .comparison import Comparison
    from .data.checks.findings import Findings
    from .data.dataset import Dataset
    from .data.mending import Change, Fixed
    from .diagnosis import doctor
    from .errors import (
        BackendError,
        ConfigError,
        DataError,
        InputError,
        JobCancelled,
        JobError,
        JobFailed,
        RequirementNotMet,
        TunekitError,
        UnsupportedTask,
    )
    from .findings import Finding
    from .job import Job
    from .model import Model
    from .planning import Plan
    from .shapes import Failure, Span
    from .side_by_side import baseline, compare, migrate
    from .tasks.classification import Classification, ClassificationRow, Label
    from .tasks.extraction import Extracted, Extraction, ExtractionRow
    from .tasks.preference import Choice, Preference, PreferenceRow
    from .tasks.transformation import Transformation, TransformationRow

_HOMES = {
    "api": (
        "attach",
        "attach_predictions",
        "backend",
        "list_backends",
        "list_formats",
        "list_jobs",
        "load",
        "plan",
        "submit",
        "tune",
    ),
    "bulk": ("PredictionJob",),
    "comparison": ("Comparison",),
    "data.checks.findings": ("Findings",),
    "data.dataset": ("Dataset",),
    "data.mending": ("Change", "Fixed"),
    "diagnosis": ("doctor",),
    "errors": (
        "BackendError",
        "ConfigError",
        "DataError",
        "InputError",
        "JobCancelled",
        "JobError",
        "JobFailed",
        "RequirementNotMet",
        "TunekitError",
        "UnsupportedTask",
    ),
    "findings": ("Finding",),
    "job": ("Job",),
    "model": ("Model",),
    "planning": ("Plan",),
    "shapes": ("Failure", "Span"),
    "side_by_side": ("baseline", "compare", "migrate"),
    "tasks.classification": ("Classification", "ClassificationRow", "Label"),
    "tasks.extraction": ("Extracted", "Extraction", "ExtractionRow"),
    "tasks.preference": ("Choice", "Preference", "PreferenceRow"),
    "tasks.transformation": ("Transformation", "TransformationRow"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BackendError",
    "Change",
    "Choice",
    "Classification",
    "ClassificationRow",
    "Comparison",
    "ConfigError",
    "DataError",
    "Dataset",
    "Extracted",
    "Extraction",
    "ExtractionRow",
    "Failure",
    "Finding",
    "Findings",
    "Fixed",
    "InputError",
    "Job",
    "JobCancelled",
    "JobError",
    "JobFailed",
    "Label",
    "Model",
    "Plan",
    "PredictionJob",
    "Preference",
    "PreferenceRow",
    "RequirementNotMet",
    "Span",
    "Transformation",
    "TransformationRow",
    "TunekitError",
    "UnsupportedTask",
    "__version__",
    "attach",
    "attach_predictions",
    "backend",
    "baseline",
    "compare",
    "doctor",
    "list_backends",
    "list_formats",
    "list_jobs",
    "load",
    "migrate",
    "plan",
    "submit",
    "tune",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'tunekit' has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
