"""What a portal consists of: the web server and the worker, as command lines, and whether it answers."""

import http.client
import socket
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from portal.env import BASE_DIR, Env, SettingError
from tracking.management.supervisor import Program

HEALTH_TIMEOUT_S = 2
MIB = 1 << 20
# Charts of 10^7 points make and drop arrays all the time. By itself glibc gives their memory back each time and asks
# for it again, a fifth to a third of their CPU. Threads that take turns need no more than two arenas.
WEB_ENVIRON = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(8 * MIB),
    "MALLOC_TRIM_THRESHOLD_": str(32 * MIB),
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where this machine finds the web server, and the name that it goes by in a request's Host."""

    host: str
    port: int
    name: str

    @classmethod
    def of(cls, env: Env) -> "Address":
        """Return where a server with these settings is."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(env.host, env.host)  # noqa: S104  (compared, not bound)
        return cls(host, env.port, urlsplit(env.url).netloc)


def web_program(env: Env) -> Program:
    """Return the web server. Which one it is, is known here and in portal/asgi.py and portal/http_protocol.py only."""
    command = [
        *(sys.executable, "-m", "uvicorn", "--host", env.host, "--port", str(env.port)),
        *("--workers", str(env.web_processes), "--loop", "uvloop", "--http", "portal.http_protocol:PatientProtocol"),
        *("--ws", "none", "--lifespan", "off", "--interface", "asgi3"),
        # portal.middleware decides whose X-Forwarded-* headers are believed.
        *("--no-proxy-headers", "--no-server-header", "--no-access-log", "--log-level", "error"),
        *("--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "8", "portal.asgi:application"),
    ]
    return Program("web", command, BASE_DIR, WEB_ENVIRON)


def worker_program(env: Env) -> Program:
    """Return the Celery worker, which also keeps the timetable: one process does the work of a small installation."""
    command = [
        *(sys.executable, "-m", "celery", "--quiet", "--app", "portal.celery", "worker", "--pool", "solo"),
        *("--timetable", str(env.data_dir / "queue" / "timetable")),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", env.log_level),
    ]
    return Program("worker", command, BASE_DIR)


def check_port(env: Env) -> None:
    """Make sure that the web server can listen.

    :raises SettingError: if the port is in use, or not for this user.
    """
    try:
        socket.create_server((env.host, env.port), family=_family(env.host)).close()
    except OSError as error:
        raise SettingError(
            f"Cannot listen on {env.host} port {env.port}: {error.strerror or error}. Stop what uses it, or set "
            "PORTAL_PORT to another port."
        ) from None


def is_healthy(address: Address) -> bool:
    """Tell whether the web server answers /health."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/health", headers={"Host": address.name})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
