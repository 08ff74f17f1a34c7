"""``mlportal import`` and ``mlportal export``."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from mlportal.cli._command import WorkspaceOption, command, count_progress, errors_to, workspace_of
from mlportal.cli._output import Format, show
from mlportal.migration import Report, export_workspace, import_into

NOT_VERIFIED = 9
COLUMNS = ("kind", "experiment", "source_id", "target_id", "state", "points", "files", "bytes")
WorkersOption = Annotated[int, typer.Option("--workers", help="Runs at once.", min=1, max=32)]
ExperimentsOption = Annotated[
    Optional[list[str]], typer.Option("--experiment", "--experiment-name", "-e", help="Only this one; may be repeated.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "import")(import_)
    command(app, "export")(export)


def import_(
    source: Annotated[str, typer.Argument(help="A tracking URI, an mlruns folder, or the folder of an export.")],
    workspace: WorkspaceOption = None,
    experiment: ExperimentsOption = None,
    workers: WorkersOption = 4,
    verify: Annotated[bool, typer.Option("--verify", help="Compare also what was found equal before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what there is.")] = False,
    output: Format = Format.table,
    query: Optional[str] = None,
) -> None:
    """Copy experiments with all their runs from elsewhere, and compare. Said again, it goes on or changes nothing."""
    home = workspace_of(workspace)
    with count_progress("Importing") as advance:
        report = import_into(
            home,
            source,
            experiments=experiment or (),
            workers=workers,
            verify=verify,
            dry_run=dry_run,
            on_progress=lambda at: advance(at.done, at.total, str(at)),
        )
    _finish(report, output, query)


def export(
    folder: Annotated[Path, typer.Argument(help="A new folder, or that of an earlier export.")],
    workspace: WorkspaceOption = None,
    experiment: ExperimentsOption = None,
    workers: WorkersOption = 4,
    output: Format = Format.table,
    query: Optional[str] = None,
) -> None:
    """Write a workspace to a folder: Parquet tables, files, checksums. `mlportal import FOLDER` brings it back."""
    home = workspace_of(workspace)
    with count_progress("Exporting") as advance:
        report = export_workspace(
            home,
            folder,
            experiments=experiment or (),
            workers=workers,
            on_progress=lambda at: advance(at.done, at.total, str(at)),
        )
    _finish(report, output, query)


def _finish(report: Report, output: Format, query: Optional[str]) -> None:
    """Print what was done: a row for each run and model, or the whole report as JSON or YAML, and for a query.

    :raises typer.Exit: with 9, if something is not as at the source.
    """
    if query is None and output in (Format.table, Format.tsv):
        show(report.outcomes, format=output, query=None, columns=COLUMNS)
    else:
        whole = {**vars(report), "counts": report.counts(), "is_verified": report.is_verified}
        show(whole, format=output, query=query, columns=())
    for line in report.lines():
        errors_to.print(line, markup=False, soft_wrap=True)
    if not report.is_verified:
        raise typer.Exit(NOT_VERIFIED)
