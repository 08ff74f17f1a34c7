"""What the documentation says is so: routes, files, settings. Rooms: tests/test_names.py."""

import re
from pathlib import Path

import pytest

from portal.env import BASE_DIR, SETTINGS
from tracking.api.mlflow import server
from tracking.api.urls import ROUTES

PAGES = [*BASE_DIR.glob("*.md"), *BASE_DIR.glob("docs/**/*.md")]
STATES = re.compile(r"done|later|later \(issue \d+\)|not planned")
ROUTE_ROW = re.compile(
    r"^\| (?P<method>[A-Z, ]+|all) \| `(?P<path>[^`]+)`[^|]* \| (?P<state>[^|]+) \| (?P<here>[^|]*)\|", re.M
)
MARKDOWN_LINK = re.compile(r"\]\(([^)#\s]+)|(?:src|srcset|href)=\"([^\"#]+)\"")
# A path from the top of the project, as prose and tables name it; one with a placeholder in it names no file.
NAMED_FILE = re.compile(r"(?<![\w/.:-])((?:docs|portal|tracking|templates|static|tests)/[\w./-]*[\w/])(?![\w…<*])")
SETTING = re.compile(r"\b(?:PORTAL_[A-Z_]+|DATABASE_URL|REDIS_URL|ARTIFACT_ROOT)\b")


def compat_rows() -> list[re.Match[str]]:
    return list(ROUTE_ROW.finditer((BASE_DIR / "docs/mlflow-compat.md").read_text()))


def view(function: object) -> str:
    """Return where a function lies as the documentation writes it: ``tracking/api/mlflow/runs.py:log_batch``."""
    module, name = function.__module__, getattr(function, "__name__", "")
    return f"{module.replace('.', '/')}.py:{name}"


class TestMlflowCompat:
    def test_calls_done_what_is_routed_and_nothing_else(self) -> None:
        routed = {
            (route.method, re.sub(r"<\w+:(\w+)>", r"<\1>", route.path)): view(route.endpoint.function)
            for route in ROUTES
        }
        routed |= {("GET", "/health"): view(server.health), ("GET", "/version"): view(server.version)}

        done = {
            (row["method"], row["path"]): row["here"].strip(" `")
            for row in compat_rows()
            if row["state"].strip() == "done"
        }

        assert done == routed

    def test_gives_every_route_a_state_once(self) -> None:
        rows = compat_rows()

        assert len(rows) > 200
        assert [row[0] for row in rows if not STATES.fullmatch(row["state"].strip())] == []
        assert len({(row["method"], row["path"]) for row in rows}) == len(rows)

    def test_names_a_function_only_where_it_is_done(self) -> None:
        assert [row[0] for row in compat_rows() if row["here"].strip() and row["state"].strip() != "done"] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(BASE_DIR)))
class TestPage:
    def test_links_to_files_that_exist(self, page: Path) -> None:
        links = [target or source for target, source in MARKDOWN_LINK.findall(page.read_text())]

        assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []

    def test_names_files_that_exist(self, page: Path) -> None:
        assert [name for name in NAMED_FILE.findall(page.read_text()) if not (BASE_DIR / name).exists()] == []

    def test_names_settings_that_exist(self, page: Path) -> None:
        assert set(SETTING.findall(page.read_text())) <= {setting.name for setting in SETTINGS}
