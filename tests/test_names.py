"""A line of code knows its place: what may be said in which room, and how a URL leads to its code (architecture.md).

Which room may import which, import-linter holds (pyproject.toml); here is what it cannot see. A failure names the file
and the line.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from portal.env import BASE_DIR
from tracking.api.portal import urls as portal
from tracking.api.urls import ROUTES
from tracking.web.urls import urlpatterns

MOST_LINES = 500
TEMPLATES, SCRIPTS = BASE_DIR / "templates", BASE_DIR / "static" / "js"
CODE = [
    path
    for path in (BASE_DIR / "manage.py", *BASE_DIR.glob("portal/**/*.py"), *BASE_DIR.glob("tracking/**/*.py"))
    if "migrations" not in path.parts
]
INTERFACES = ("tracking/web/*", "tracking/api/*")


@dataclass(frozen=True, slots=True)
class Rule:
    """Names, dotted from where they are defined, that only some files may use. ``*`` stands for folders too."""

    what: str
    names: tuple[str, ...]
    only_in: tuple[str, ...]

    def forbids(self, name: str) -> bool:
        return any(name == ours or name.startswith(f"{ours}.") for ours in self.names)


RULES = (
    Rule("HTTP", ("django.http", "rest_framework"), (*INTERFACES, "portal/middleware.py")),
    Rule(
        "SQL beside the ORM",
        ("django.db.connection", "django.db.connections"),
        ("tracking/*/store.py", "tracking/*/store/*", "tracking/core/commits.py", "tracking/core/hot.py"),
    ),
    # The calendar. How long something takes is measured by time.monotonic, and that is no business of this rule.
    Rule(
        "the clock",
        (
            "tracking.core.clock.utc_now",
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
            "django.utils.timezone.now",
            "django.utils.timezone.localtime",
            "django.utils.timezone.localdate",
            "django.db.models.functions.Now",
            "time.time",
            "time.time_ns",
            "time.gmtime",
            "time.localtime",
        ),
        (*INTERFACES, "tracking/management/*", "tracking/*/tasks.py", "tracking/core/clock.py"),
    ),
)


def mentions(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of each import, and of each use of something imported.

    What stands under ``if TYPE_CHECKING:`` does not count: it is not there when the code runs.
    """
    origin: dict[str, str] = {}
    for node in _running_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            for name in node.names:
                origin[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                origin[name.asname or name.name] = f"{node.module}.{name.name}"
                yield node.lineno, f"{node.module}.{name.name}"
        elif isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            if first in origin:
                yield node.lineno, f"{origin[first]}.{rest}"


def _running_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node in the order of the source, less those for the type checker."""
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _running_nodes(child)


def where(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(BASE_DIR)}:{line}"


def is_in(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(str(path.relative_to(BASE_DIR)), pattern) for pattern in patterns)


def where_defined(function: Callable[..., object]) -> str:
    code = inspect.unwrap(function).__code__
    return where(Path(code.co_filename), code.co_firstlineno)


class TestMentions:
    @pytest.mark.parametrize(
        ("source", "line"),
        [
            ("import django.http", 1),
            ("from django import http", 1),
            ("from django.http import HttpResponse as Answer", 1),
            ("import django\n\ndef f():\n    return django.http.HttpResponse()", 4),
            ("import django as d\nd.http", 2),
            ("def f():\n    from django.http import Http404", 2),
        ],
    )
    def test_are_found_however_they_are_written(self, source: str, line: int) -> None:
        assert line in [line for line, name in mentions(source) if RULES[0].forbids(name)]

    @pytest.mark.parametrize(
        "source",
        ["from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from django.http import Http404", "x.django.http"],
    )
    def test_that_run_nothing_do_not_count(self, source: str) -> None:
        assert not [name for _, name in mentions(source) if RULES[0].forbids(name)]


class TestRooms:
    def test_are_those_that_the_documentation_names(self) -> None:
        diagram = (BASE_DIR / "docs" / "architecture.md").read_text().split("\n\n")[2].splitlines()
        column = diagram[0].index("web |")
        documented = {room for line in diagram for room in line[column:].split("  ")[0].split(" | ")}

        built = {path.parent.name for path in BASE_DIR.glob("tracking/*/__init__.py")} - {"migrations"}

        assert documented == built

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.what)
    def test_keep_their_words(self, rule: Rule) -> None:
        elsewhere = [path for path in CODE if not is_in(path, rule.only_in)]

        said = [
            f"{where(path, line)}: {name}"
            for path in elsewhere
            for line, name in mentions(path.read_text())
            if rule.forbids(name)
        ]

        assert said == []

    def test_keep_their_tables_from_pages_and_endpoints(self) -> None:
        interfaces = [path for path in CODE if is_in(path, INTERFACES)]

        models = [
            f"{where(path, line)}: {name}"
            for path in interfaces
            for line, name in mentions(path.read_text())
            if re.match(r"tracking\.(\w+\.)?models\b", name)
        ]
        managers = [
            f"{where(path, node.lineno)}: {ast.unparse(node)}"
            for path in interfaces
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr in ("objects", "_default_manager", "_base_manager")
        ]

        assert models + managers == []

    def test_have_no_file_that_nobody_reads_to_its_end(self) -> None:
        lines = {path: path.read_text().count("\n") for path in CODE}

        assert [where(path, count) for path, count in lines.items() if count > MOST_LINES] == []


class TestPages:
    """Page name = view = template = script."""

    def test_have_the_names_of_their_views(self) -> None:
        different = [
            f"{where_defined(pattern.callback)}: {pattern.callback.__name__} is page {pattern.name}"
            for pattern in urlpatterns
            if pattern.name not in (pattern.callback.__name__, f"{pattern.callback.__name__}_bare")
        ]

        assert different == []

    def test_have_views_in_a_family_of_this_room(self) -> None:
        elsewhere = [
            where_defined(pattern.callback)
            for pattern in urlpatterns
            if not re.fullmatch(r"tracking\.web\.\w+", pattern.callback.__module__)
        ]

        assert elsewhere == []

    def test_have_templates_of_their_name_in_the_folder_of_their_family(self) -> None:
        views = {
            f"{pattern.callback.__module__.rpartition('.')[2]}/{pattern.callback.__name__}.html"
            for pattern in urlpatterns
        }

        assert [where(page) for page in _pages() if str(page.relative_to(TEMPLATES)) not in views] == []

    def test_render_no_template_of_another_page(self) -> None:
        pages = {str(page.relative_to(TEMPLATES)) for page in _pages()}

        foreign = [
            f"{where(path, node.lineno)}: {function.name} renders {node.value}"
            for path in CODE
            if is_in(path, ("tracking/web/*",))
            for function in ast.walk(ast.parse(path.read_text()))
            if isinstance(function, ast.FunctionDef)
            for node in ast.walk(function)
            if isinstance(node, ast.Constant) and node.value in pages - {f"{path.stem}/{function.name}.html"}
        ]

        assert foreign == []

    def test_load_the_script_of_their_name_and_no_other(self) -> None:
        other = [
            f"{where(page, number)}: {line.strip()}"
            for page in _pages()
            for number, line in enumerate(page.read_text().splitlines(), start=1)
            for script in re.findall(r"js/(\w+)\.js", line)
            if script != page.stem
        ]

        assert other == []

    def test_need_every_script_there_is(self) -> None:
        loaded = {name for page in TEMPLATES.rglob("*.html") for name in re.findall(r"js/(\w+\.js)", page.read_text())}
        imported = {name for path in SCRIPTS.glob("*.js") for name in re.findall(r'"\./(\w+\.js)"', path.read_text())}

        assert [where(path) for path in SCRIPTS.glob("*.js") if path.name not in loaded | imported] == []


class TestEndpoints:
    def test_stand_in_the_module_that_the_path_names(self) -> None:
        elsewhere = [
            f"{where_defined(route.endpoint.function)}: {route.method} {route.path}"
            for route in ROUTES
            if route.endpoint.function.__module__ != f"tracking.api.mlflow.{_module(route.path)}"
        ]

        assert elsewhere == []

    def test_of_the_rest_api_stand_in_a_module_that_the_path_names(self) -> None:
        """``groups/<group>/locks`` is in ``groups.py`` or, as workspaces have locks, too, in ``locks.py``."""
        elsewhere = [
            f"{where_defined(route.endpoint.function)}: {route.method} {route.path}"
            for route in portal.ROUTES
            if route.endpoint.function.__module__.removeprefix("tracking.api.portal.")
            not in re.sub(r"[.]\w+$", "", route.path).replace("-", "_").split("/")
        ]

        assert elsewhere == []

    def test_have_the_name_of_the_verb(self) -> None:
        """A path that ends with what it names (a model, its tags, an alias, a file) has no verb: its method is one."""
        both_ways = {"presigned_download_url": "presigned_url", "presigned_upload_url": "presigned_url"}
        verbs = [
            (route, found[1].replace("-", "_"))
            for route in ROUTES
            if (found := re.fullmatch(r"2\.0/mlflow/[a-z-]+/((?!alias)[a-z-]+)", route.path))
        ]

        other = [
            f"{where_defined(route.endpoint.function)}: {route.path}"
            for route, verb in verbs
            if route.endpoint.function.__name__ != both_ways.get(verb, verb)
        ]

        assert len(verbs) > len(ROUTES) / 2
        assert other == []


def _pages() -> list[Path]:
    """Return the templates that extend another and that none extends, less those of errors, which have no address."""
    bases = {path: re.findall(r'{% extends "(.*?)" %}', path.read_text()) for path in TEMPLATES.rglob("*.html")}
    extended = {TEMPLATES / name for names in bases.values() for name in names}
    return [path for path, names in bases.items() if names and path not in extended and path.parent.name != "errors"]


def _module(path: str) -> str:
    """Return what is named by the first segment after the version; what version 3.0 has is about the server."""
    version, first, second, *_ = [*path.split("/"), ""]
    if version == "3.0":
        return "server"
    return (second if first == "mlflow" else first).replace("-", "_")
