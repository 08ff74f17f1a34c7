"""``mlportal datastore``."""

import os
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from mlportal.cli._command import WorkspaceOption, YesOption, byte_progress, command, confirm, workspace_of
from mlportal.datastore import Datastore
from mlportal.errors import InvalidError

SECRET = "MLPORTAL_DATASTORE_SECRET"  # noqa: S105  (the name of a variable)
app = typer.Typer(name="datastore", help="Datastores: named places for files.", no_args_is_help=True)
NameOption = Annotated[str, typer.Option("--name", "-n")]
DefaultNameOption = Annotated[
    Optional[str], typer.Option("--name", "-n", help="Default: the workspace's default datastore.")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")]
PathOption = Annotated[
    Optional[str], typer.Option("--path", help="local: a folder of the server's machine, where it allows them.")
]
BucketOption = Annotated[Optional[str], typer.Option("--bucket-name", "--bucket", "-b", help="s3.")]
ContainerOption = Annotated[Optional[str], typer.Option("--container-name", "-c", help="azure_blob.")]
AccountOption = Annotated[Optional[str], typer.Option("--account-name", "-a", help="azure_blob.")]
PrefixOption = Annotated[Optional[str], typer.Option("--prefix", "-p", help="s3, azure_blob: a folder in it.")]
RegionOption = Annotated[Optional[str], typer.Option("--region", help="s3.")]
ServiceOption = Annotated[
    Optional[str],
    typer.Option("--service-endpoint", help="s3, azure_blob: where the service is, if not the provider's."),
]
KeyOption = Annotated[Optional[str], typer.Option("--access-key-id", help="s3; its secret is asked for.")]
SkipOption = Annotated[bool, typer.Option("--skip-validation", help="Even if it cannot be reached now.")]


class Kind(str, Enum):
    """What ``--type`` takes."""

    local = "local"
    s3 = "s3"
    azure_blob = "azure_blob"


class Auth(str, Enum):
    """What ``--auth`` takes."""

    key = "key"
    sas = "sas"
    none = "none"


AuthOption = Annotated[Auth, typer.Option("--auth", help="azure_blob: what the secret is that is asked for.")]


@command(app, "list", "name", "kind", "is_default", "location")
def list_(workspace: WorkspaceOption = None) -> Any:
    """List the datastores of a workspace."""
    return [one.get_details() for one in Datastore.list(workspace_of(workspace))]


@command(app, "show")
def show(name: DefaultNameOption = None, workspace: WorkspaceOption = None) -> Any:
    """Show a datastore; its credentials are shown to nobody."""
    return _datastore(name, workspace).get_details()


@command(
    app,
    "create",
    help=f"Register a datastore. A secret it needs is asked for; without a terminal it is ${SECRET}, or a line of "
    "standard input.",
)
def create(
    name: NameOption,
    type: Annotated[Kind, typer.Option("--type", "-t")],
    path: PathOption = None,
    bucket_name: BucketOption = None,
    container_name: ContainerOption = None,
    account_name: AccountOption = None,
    prefix: PrefixOption = None,
    region: RegionOption = None,
    service_endpoint: ServiceOption = None,
    access_key_id: KeyOption = None,
    auth: AuthOption = Auth.key,
    skip_validation: SkipOption = False,
    workspace: WorkspaceOption = None,
) -> Any:
    home = workspace_of(workspace)
    if type is Kind.local:
        made = Datastore.register_local(home, name, _needed(path, "--path"), skip_validation=skip_validation)
    elif type is Kind.s3:
        made = Datastore.register_s3(
            home,
            name,
            _needed(bucket_name, "--bucket-name"),
            prefix=prefix or "",
            endpoint=service_endpoint or "",
            region=region or "",
            access_key_id=access_key_id or "",
            secret_access_key=_secret("Secret access key") if access_key_id else "",
            skip_validation=skip_validation,
        )
    else:
        container, account = _needed(container_name, "--container-name"), _needed(account_name, "--account-name")
        secret = "" if auth is Auth.none else _secret("Account key" if auth is Auth.key else "SAS token")
        made = Datastore.register_azure_blob_container(
            home,
            name,
            container,
            account,
            sas_token=secret if auth is Auth.sas else None,
            account_key=secret if auth is Auth.key else None,
            prefix=prefix or "",
            endpoint=service_endpoint or "",
            skip_validation=skip_validation,
        )
    return made.get_details()


@command(app, "update")
def update(
    name: NameOption,
    path: PathOption = None,
    bucket_name: BucketOption = None,
    container_name: ContainerOption = None,
    account_name: AccountOption = None,
    prefix: PrefixOption = None,
    region: RegionOption = None,
    service_endpoint: ServiceOption = None,
    access_key_id: KeyOption = None,
    auth: Annotated[
        Optional[Auth], typer.Option("--auth", help="azure_blob: ask for a new secret of this kind.")
    ] = None,
    skip_validation: SkipOption = False,
    workspace: WorkspaceOption = None,
) -> Any:
    """Change what is given of a datastore; a new secret is asked for with --access-key-id or --auth."""
    found = Datastore(workspace_of(workspace), name)
    given = {
        "path": path,
        "bucket": bucket_name,
        "container": container_name,
        "account": account_name,
        "prefix": prefix,
        "region": region,
        "endpoint": service_endpoint,
    }
    credentials = None
    if access_key_id is not None:
        credentials = {"access_key_id": access_key_id, "secret_access_key": _secret("Secret access key")}
    elif auth is not None:
        kind = {Auth.key: "account_key", Auth.sas: "sas_token"}.get(auth)
        credentials = {} if kind is None else {kind: _secret(kind.replace("_", " ").capitalize())}
    config = {field: value for field, value in given.items() if value is not None}
    found.update(config=config or None, credentials=credentials, skip_validation=skip_validation)
    return found.get_details()


@command(app, "set-default")
def set_default(name: NameOption, workspace: WorkspaceOption = None) -> Any:
    """Make a datastore the workspace's default."""
    found = Datastore(workspace_of(workspace), name)
    found.set_as_default()
    return found.get_details()


@command(app, "files", "path", "size_bytes")
def files(
    name: DefaultNameOption = None,
    prefix: Annotated[str, typer.Option("--prefix", "-p", help="Only what lies in this folder.")] = "",
    workspace: WorkspaceOption = None,
) -> Any:
    """List the files of a datastore."""
    rows = _datastore(name, workspace).list_files(prefix)
    return [{"path": row.path, "size_bytes": row.size_bytes} for row in rows]


@command(app, "upload", "path")
def upload(
    src_path: Annotated[Path, typer.Option("--src-path", "-p", help="A file, or a folder with all in it.")],
    name: DefaultNameOption = None,
    target_path: Annotated[str, typer.Option("--target-path", "-u", help="A folder in the datastore.")] = "",
    overwrite: OverwriteOption = False,
    workspace: WorkspaceOption = None,
) -> Any:
    """Upload files; those that are there already are left alone, unless --overwrite."""
    if not src_path.exists():
        raise InvalidError(f"There is no {src_path}.")
    found = _datastore(name, workspace)
    with byte_progress("Uploading") as progress:
        if src_path.is_dir():
            paths = found.upload(src_path, target_path, overwrite, progress=progress)
        else:
            paths = found.upload_files([src_path], None, target_path, overwrite, progress=progress)
    return [{"path": path} for path in paths]


@command(app, "download", "path")
def download(
    name: DefaultNameOption = None,
    target_path: Annotated[Path, typer.Option("--target-path", "-d", help="A folder here.")] = Path(),
    prefix: Annotated[str, typer.Option("--prefix", "-p", help="Only this file, or what lies in this folder.")] = "",
    overwrite: OverwriteOption = False,
    workspace: WorkspaceOption = None,
) -> Any:
    """Download files; those that are here already are left alone, unless --overwrite."""
    found = _datastore(name, workspace)
    with byte_progress("Downloading") as progress:
        targets = found.download(target_path, prefix, overwrite, progress=progress)
    return [{"path": str(target)} for target in targets]


@command(app, "delete-files")
def delete_files(
    path: Annotated[str, typer.Option("--path", help="A file, or a folder with all in it.")],
    name: DefaultNameOption = None,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
) -> Any:
    """Delete files of a datastore for good."""
    found = _datastore(name, workspace)
    confirm(f"Delete {path} in datastore {found.name} for good?", is_sure=yes)
    return {"bytes_freed": found.delete_files(path)}


@command(app, "delete")
def delete(name: NameOption, yes: YesOption = False, workspace: WorkspaceOption = None) -> None:
    """Unregister a datastore: the server forgets it and its credentials, its files stay where they are."""
    found = Datastore(workspace_of(workspace), name)
    confirm(f"Unregister datastore {name}? Its files stay at {found.location}.", is_sure=yes)
    found.unregister()


def _datastore(name: Optional[str], workspace: Optional[str]) -> Datastore:
    home = workspace_of(workspace)
    return home.get_default_datastore() if name is None else Datastore(home, name)


def _needed(value: Optional[str], flag: str) -> str:
    if not value:
        raise typer.BadParameter(f"A datastore of this type needs {flag}.")
    return value


def _secret(what: str) -> str:
    """Return a secret that does not stand on the command line, where every process can read it."""
    if found := os.environ.get(SECRET):
        return found
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, err=True))
    line = sys.stdin.readline().strip()
    if not line:
        raise typer.BadParameter(f"{what}: put it into {SECRET}, or give it on standard input.")
    return line
