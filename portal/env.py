"""The environment, read once: every name that configures a server, its meaning, its default and its check.

docs/settings.md lists the same names; tests/test_settings.py holds the two together.
"""

import contextlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


class SettingError(Exception):
    """A name in the environment has a value that cannot be used; the text says which and what to set."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One name of the environment."""

    name: str
    default: str
    meaning: str


SETTINGS = (
    Setting("PORTAL_HOST", "127.0.0.1", "Address the web server binds to."),
    Setting("PORTAL_PORT", "5000", "Port the web server binds to, 1 to 65535."),
    Setting(
        "PORTAL_URL",
        "",
        "Address people and clients use, e.g. https://ml.example.org. Empty: http://HOST:PORT. "
        "https here says that a proxy terminates TLS.",
    ),
    Setting("PORTAL_DATA_DIR", "data", "Folder of the database, the artifacts, the secret key and the queue."),
    Setting(
        "PORTAL_SECRET_KEY",
        "",
        "Signing key, 50 characters or more, which also encrypts datastores' credentials. Empty: made once, kept in "
        "the data folder.",
    ),
    Setting(
        "DATABASE_URL",
        "",
        "postgresql://user:password@host:port/name (a pooler between has to keep sessions: PgBouncer's "
        "`pool_mode = session`) or sqlite:///path. Empty: SQLite in the data folder.",
    ),
    Setting(
        "PORTAL_SQLITE_SYNCHRONOUS",
        "FULL",
        "FULL: an acknowledged write survives a power cut. NORMAL: it survives a crash of the program only.",
    ),
    Setting(
        "REDIS_URL",
        "",
        "Broker of the Celery worker, e.g. redis://127.0.0.1:6379/0. Empty: a folder in the data folder.",
    ),
    Setting(
        "ARTIFACT_ROOT",
        "",
        "Where artifacts live: a folder, s3://bucket/prefix, az://container/prefix or gs://…. Empty: data folder.",
    ),
    Setting(
        "PORTAL_DATASTORE_ROOTS",
        "",
        "Folders, separated by commas, in which owners of workspaces may register local datastores: what lies there is "
        "open to all of them. Empty: no local datastores.",
    ),
    Setting(
        "PORTAL_DATASTORE_PRIVATE_ENDPOINTS",
        "",
        "Private addresses or networks, separated by commas, that endpoints of datastores may have, also without TLS, "
        "e.g. 10.0.8.0/24. Empty: public addresses only.",
    ),
    Setting(
        "PORTAL_ALLOWED_HOSTS",
        "",
        "Further host names that requests may carry, separated by commas. PORTAL_URL's is always allowed.",
    ),
    Setting(
        "PORTAL_TRUSTED_PROXIES",
        "",
        "Addresses or networks of proxies whose X-Forwarded-* headers are believed, separated by commas.",
    ),
    Setting("PORTAL_WEB_PROCESSES", "1", "Web server processes."),
    Setting(
        "PORTAL_WEB_THREADS",
        "16",
        "Changes that one web process works on at once; half as many reads and large uploads besides. "
        "On PostgreSQL at most four log.",
    ),
    Setting("PORTAL_STATEMENT_TIMEOUT_S", "15", "Seconds after which a database statement is given up (503)."),
    Setting("PORTAL_LOCK_TIMEOUT_S", "20", "Seconds a write waits for the SQLite write lock before it answers 503."),
    Setting("PORTAL_SESSION_HOURS", "168", "Hours after which a signed-in person must sign in again."),
    Setting("PORTAL_SESSION_IDLE_HOURS", "8", "Hours without a request after which they must."),
    Setting("PORTAL_MAX_GROUPS", "1000", "Resource groups that there may be on this server."),
    Setting("PORTAL_MAX_WORKSPACES", "10000", "Workspaces that there may be on this server."),
    Setting(
        "PORTAL_WORKSPACE_MAX_RUNS", "0", "Runs that any workspace may hold, deleted ones included. 0: no such limit."
    ),
    Setting("PORTAL_WORKSPACE_MAX_GIB", "0", "Gibibytes of artifacts that any workspace may hold. 0: no such limit."),
    Setting(
        "PORTAL_TRASH_DAYS",
        "14",
        "Days that deleted experiments and runs can be restored before they are removed for good; 0: for ever.",
    ),
    Setting(
        "PORTAL_WORKSPACE_TRASH_DAYS",
        "0",
        "Days that a deleted workspace can be restored, unless it is purged at once; 0: it is removed at once.",
    ),
    Setting("PORTAL_GROUP_TRASH_DAYS", "0", "The same for resource groups."),
    Setting(
        "PORTAL_LEASE_S",
        "20",
        "Seconds without a sign of life after which another worker takes over a deletion, 2 to 300.",
    ),
    Setting(
        "PORTAL_OIDC_ISSUER",
        "",
        "OpenID Connect provider that people may sign in with, e.g. https://login.example.org. Empty: none.",
    ),
    Setting("PORTAL_OIDC_CLIENT_ID", "", "The portal's id at the provider."),
    Setting("PORTAL_OIDC_CLIENT_SECRET", "", "The portal's secret at the provider."),
    Setting("PORTAL_OIDC_NAME", "OpenID Connect", "What the sign-in page calls the provider."),
    Setting("PORTAL_LOG_FORMAT", "console", "console: lines for people. json: one JSON object a line."),
    Setting("PORTAL_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR."),
)


@dataclass(frozen=True, slots=True)
class Env:
    """The checked values."""

    host: str
    port: int
    url: str
    data_dir: Path
    secret_key: str
    database_url: str
    sqlite_synchronous: str
    redis_url: str
    artifact_root: str
    datastore_roots: tuple[Path, ...]
    datastore_private_endpoints: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    web_processes: int
    web_threads: int
    statement_timeout_s: int
    lock_timeout_s: int
    session_hours: int
    max_groups: int
    max_workspaces: int
    workspace_max_runs: int
    workspace_max_gib: int
    session_idle_hours: int
    trash_days: int
    workspace_trash_days: int
    group_trash_days: int
    lease_s: int
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    log_format: str
    log_level: str

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("https://")

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK_NAMES


def read_env(environ: Mapping[str, str] = os.environ) -> Env:
    """Check every name and return the values; makes the data folder and the secret key file where they are missing.

    :raises SettingError: if a value cannot be used.
    """

    def get(name: str) -> str:
        return environ.get(name, "").strip() or next(s.default for s in SETTINGS if s.name == name)

    host = get("PORTAL_HOST")
    port = _number("PORTAL_PORT", get("PORTAL_PORT"), least=1, most=65535)
    data_dir = (BASE_DIR / Path(get("PORTAL_DATA_DIR")).expanduser()).resolve()
    url = _url(get("PORTAL_URL") or f"http://{f'[{host}]' if ':' in host else host}:{port}")
    _private_folder(data_dir)
    return Env(
        host=host,
        port=port,
        url=url,
        data_dir=data_dir,
        secret_key=_secret_key(get("PORTAL_SECRET_KEY"), data_dir),
        database_url=_database_url(get("DATABASE_URL"), data_dir),
        sqlite_synchronous=_choice("PORTAL_SQLITE_SYNCHRONOUS", get("PORTAL_SQLITE_SYNCHRONOUS"), ("FULL", "NORMAL")),
        redis_url=_scheme("REDIS_URL", get("REDIS_URL"), ("redis", "rediss", "unix")),
        artifact_root=get("ARTIFACT_ROOT") or str(data_dir / "artifacts"),
        datastore_roots=_datastore_roots(get("PORTAL_DATASTORE_ROOTS")),
        datastore_private_endpoints=_networks(
            "PORTAL_DATASTORE_PRIVATE_ENDPOINTS", get("PORTAL_DATASTORE_PRIVATE_ENDPOINTS")
        ),
        allowed_hosts=_hosts(get("PORTAL_ALLOWED_HOSTS"), host, url),
        trusted_proxies=_networks("PORTAL_TRUSTED_PROXIES", get("PORTAL_TRUSTED_PROXIES")),
        web_processes=_number("PORTAL_WEB_PROCESSES", get("PORTAL_WEB_PROCESSES"), least=1, most=256),
        web_threads=_number("PORTAL_WEB_THREADS", get("PORTAL_WEB_THREADS"), least=1, most=1024),
        statement_timeout_s=_number(
            "PORTAL_STATEMENT_TIMEOUT_S", get("PORTAL_STATEMENT_TIMEOUT_S"), least=1, most=3600
        ),
        lock_timeout_s=_number("PORTAL_LOCK_TIMEOUT_S", get("PORTAL_LOCK_TIMEOUT_S"), least=1, most=600),
        session_hours=_number("PORTAL_SESSION_HOURS", get("PORTAL_SESSION_HOURS"), least=1, most=8760),
        max_groups=_number("PORTAL_MAX_GROUPS", get("PORTAL_MAX_GROUPS"), least=1, most=999_999),
        max_workspaces=_number("PORTAL_MAX_WORKSPACES", get("PORTAL_MAX_WORKSPACES"), least=1, most=999_999),
        workspace_max_runs=_number(
            "PORTAL_WORKSPACE_MAX_RUNS", get("PORTAL_WORKSPACE_MAX_RUNS"), least=0, most=999_999_999
        ),
        workspace_max_gib=_number("PORTAL_WORKSPACE_MAX_GIB", get("PORTAL_WORKSPACE_MAX_GIB"), least=0, most=999_999),
        session_idle_hours=_number("PORTAL_SESSION_IDLE_HOURS", get("PORTAL_SESSION_IDLE_HOURS"), least=1, most=8760),
        trash_days=_number("PORTAL_TRASH_DAYS", get("PORTAL_TRASH_DAYS"), least=0, most=36_500),
        workspace_trash_days=_number(
            "PORTAL_WORKSPACE_TRASH_DAYS", get("PORTAL_WORKSPACE_TRASH_DAYS"), least=0, most=36_500
        ),
        group_trash_days=_number("PORTAL_GROUP_TRASH_DAYS", get("PORTAL_GROUP_TRASH_DAYS"), least=0, most=36_500),
        lease_s=_number("PORTAL_LEASE_S", get("PORTAL_LEASE_S"), least=2, most=300),
        oidc_issuer=_issuer(get("PORTAL_OIDC_ISSUER"), get("PORTAL_OIDC_CLIENT_ID"), get("PORTAL_OIDC_CLIENT_SECRET")),
        oidc_client_id=get("PORTAL_OIDC_CLIENT_ID"),
        oidc_client_secret=get("PORTAL_OIDC_CLIENT_SECRET"),
        oidc_name=get("PORTAL_OIDC_NAME"),
        log_format=_choice("PORTAL_LOG_FORMAT", get("PORTAL_LOG_FORMAT"), ("console", "json")),
        log_level=_choice("PORTAL_LOG_LEVEL", get("PORTAL_LOG_LEVEL").upper(), ("DEBUG", "INFO", "WARNING", "ERROR")),
    )


def check_exposure(env: Env) -> None:
    """Refuse to serve passwords and tokens in clear to a network.

    :raises SettingError: if the server would bind beyond loopback and nothing terminates TLS in front of it.
    """
    if env.is_loopback:
        return
    if not env.is_tls:
        raise SettingError(
            f"PORTAL_HOST={env.host} is reachable from other machines, where tokens would travel in clear. Put a proxy "
            "that terminates TLS in front and set PORTAL_URL=https://your.name, or keep PORTAL_HOST=127.0.0.1."
        )
    if not env.trusted_proxies:
        raise SettingError(
            f"PORTAL_HOST={env.host} and PORTAL_URL={env.url} say that a proxy terminates TLS: set "
            "PORTAL_TRUSTED_PROXIES to its address, e.g. PORTAL_TRUSTED_PROXIES=10.0.0.2."
        )


def _number(name: str, text: str, *, least: int, most: int) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
        raise SettingError(f"{name}={text} must be a whole number from {least} to {most}.")
    return int(text)


def _choice(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise SettingError(f"{name}={text} must be one of {', '.join(choices)}.")
    return text


def _scheme(name: str, text: str, schemes: tuple[str, ...]) -> str:
    if text and urlsplit(text).scheme not in schemes:
        raise SettingError(
            f"{name}={_without_password(text)} must start with one of {', '.join(f'{s}://' for s in schemes)}."
        )
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise SettingError(f"PORTAL_URL={_without_password(text)} must look like https://ml.example.org.")
    if parts.path not in ("", "/"):
        raise SettingError(
            f"PORTAL_URL={text} has a path: the portal serves a whole host name, give it one of its own."
        )
    return text.rstrip("/")


def _issuer(text: str, client_id: str, secret: str) -> str:
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES):
        raise SettingError(f"PORTAL_OIDC_ISSUER={_without_password(text)} must start with https://.")
    if not client_id or not secret:
        raise SettingError("PORTAL_OIDC_ISSUER needs PORTAL_OIDC_CLIENT_ID and PORTAL_OIDC_CLIENT_SECRET.")
    return text.rstrip("/")


def _database_url(text: str, data_dir: Path) -> str:
    if not text:
        return f"sqlite:///{data_dir / 'mlportal.sqlite3'}"
    return _scheme("DATABASE_URL", text, ("sqlite", "postgresql", "postgres"))


def _hosts(text: str, host: str, url: str) -> tuple[str, ...]:
    given = [name.strip() for name in text.split(",") if name.strip()]
    if any("*" in name for name in given):
        raise SettingError(f"PORTAL_ALLOWED_HOSTS={text} has a wildcard: name each host.")
    named = [*given, urlsplit(url).hostname or ""]
    if host in LOOPBACK_NAMES:
        named += ["127.0.0.1", "localhost", "[::1]"]
    return tuple(dict.fromkeys(named))


def _networks(name: str, text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SettingError(f"{name}={text} is not a list of addresses or networks: {error}.") from None


def _datastore_roots(text: str) -> tuple[Path, ...]:
    folders = tuple(Path(part.strip()) for part in text.split(",") if part.strip())
    for folder in folders:
        if not folder.is_absolute() or folder.resolve() == Path("/"):
            raise SettingError(f"PORTAL_DATASTORE_ROOTS={text}: {folder} must be an absolute path, and not / itself.")
    return folders


def _secret_key(text: str, data_dir: Path) -> str:
    if text:
        if len(text) < 50 or len(set(text)) < 10:
            raise SettingError("PORTAL_SECRET_KEY is too weak: give 50 random characters or more, or leave it empty.")
        return text
    path = data_dir / "secret_key"
    with tempfile.NamedTemporaryFile("w", dir=data_dir, prefix="secret_key.") as file:  # 0600, as tempfile makes them
        file.write(secrets.token_urlsafe(64))
        file.flush()
        with contextlib.suppress(FileExistsError):  # whole or not at all, and the first one stays
            os.link(file.name, path)
    return path.read_text().strip()


def _private_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"PORTAL_DATA_DIR={path} cannot be made: {error.strerror}.") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise SettingError(f"PORTAL_DATA_DIR={path} cannot be written to by this user.")


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", text)
