"""The table of commands. Each reads its arguments, calls the public API and shows the result."""

from __future__ import annotations

import typer

from . import about, checking, comparing, data, jobs, models, training

__all__ = ["app"]

app = typer.Typer(
    name="tunekit",
    help="Fine-tune language models, on this machine or at a provider.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: The commands by what they are about, in the order in which they are shown.
COMMANDS = {
    "Rows": (checking.check, data.convert, data.split, data.formats),
    "Training": (training.plan, training.tune),
    "Jobs": (jobs.jobs, jobs.wait, jobs.logs, jobs.cancel),
    "Models": (models.predict, models.evaluate, models.models, models.export),
    "Did it help?": (comparing.baseline, comparing.compare, comparing.migrate),
    "This machine": (about.backends, about.config, about.doctor, about.version),
}
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
