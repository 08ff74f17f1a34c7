"""The command line ``mlportal``: verbs and flags as users of ``az ml`` know them.

Commands return data; ``_command`` prints it in the format that was asked for, and turns errors into exit codes.
"""

import sys

import typer

from mlportal.cli import (
    config,
    datastore,
    deletion,
    doctor,
    experiment,
    group,
    login,
    migrate,
    model,
    run,
    token,
    workspace,
)
from mlportal.cli._command import exit_code_of

app = typer.Typer(
    name="mlportal",
    help="Experiments, runs, workspaces and resource groups of an mlportal server.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for family in (group, workspace, datastore, experiment, run, model, token, deletion, config):
    app.add_typer(family.app)
login.add_to(app)
doctor.add_to(app)
migrate.add_to(app)


def main() -> None:
    """Run the command line and exit."""
    try:
        app()
    except Exception as error:
        code = exit_code_of(error)
        if code is None:
            raise
        print(f"mlportal: {error}", file=sys.stderr)
        sys.exit(code)
