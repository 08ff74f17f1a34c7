"""What the palette offers besides things that have names: pages to go to and what one can do; only what one may.

A text finds them by the words of every language that the portal speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language, get_language_info, gettext, gettext_noop, override

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found: where it leads, or, with ``url`` "", the button that it is.

    ``form`` and ``value``: the form of the frame that the button sends, and with which ``code``. Without a form it sets
    the theme ``value``, which takes a script.
    """

    name: str
    where: str
    url: str
    icon: str
    form: str = ""
    value: str = ""


def pages(text: str, at: Workspace | None, *, owns_server: bool) -> Iterator[Hit]:
    """Yield the pages of the workspace ``at`` and of the server whose names contain a text. No query."""
    of_workspace = (
        (gettext_noop("Experiments"), "experiment_list", "flask"),
        (gettext_noop("Models"), "model_list", "model"),
        (gettext_noop("Log a run"), "workspace_detail", "key"),
        (gettext_noop("Access"), "workspace_access", "user"),
        (gettext_noop("Datastores"), "datastore_list", "folder"),
        (gettext_noop("Settings"), "workspace_settings", "settings"),
        (gettext_noop("Trash"), "trash", "trash"),
    )
    of_person = (
        (gettext_noop("Home"), "home", "home"),
        (gettext_noop("Resource groups"), "group_list", "group"),
        (gettext_noop("Account"), "account", "user"),
        (gettext_noop("Tokens"), "token_list", "key"),
        (gettext_noop("REST API"), "docs", "table-file"),
    )
    of_server = (
        (gettext_noop("People"), "person_list", "user"),
        (gettext_noop("Audit log"), "event_list", "table"),
        (gettext_noop("Work"), "work", "chart"),
        (gettext_noop("Orphans"), "orphans", "file"),
    )
    if at is not None:
        yield from _links(text, of_workspace, at.name)
    yield from _links(text, of_person)
    if owns_server:
        yield from _links(text, of_server)


def actions(text: str, managed: Workspace | None, *, owns_server: bool) -> Iterator[Hit]:
    """Yield what the reader can do and whose words contain a text. No query.

    ``managed``: the workspace that they are in, if it is theirs to manage.
    """
    of_workspace = (
        (gettext_noop("Register a datastore"), "datastore_list#register-title", "folder"),
        (gettext_noop("Delete the workspace"), "delete_plan", "trash"),
    )
    of_server = (
        (gettext_noop("Invite somebody"), "person_list#invite-title", "user"),
        (gettext_noop("Create a resource group"), "group_list", "group"),
    )
    themes = (
        (gettext_noop("Theme: light"), "light"),
        (gettext_noop("Theme: dark"), "dark"),
        (gettext_noop("Theme: as the system"), "system"),
    )
    yield from _links(text, ((gettext_noop("Make an access token"), "token_list#make-title", "key"),))
    if managed is not None:
        yield from _links(text, of_workspace, managed.name)
    if owns_server:
        yield from _links(text, of_server)
    for label, theme in themes:
        if _says(label, text):
            yield Hit(gettext(label), "", "", f"theme-{theme}", value=theme)
    yield from _languages(text)
    if _says(gettext_noop("Sign out"), text):
        yield Hit(gettext("Sign out"), "", "", "x", form="sign-out")


def _languages(text: str) -> Iterator[Hit]:
    for code, name in settings.LANGUAGES:
        names = (name, get_language_info(code)["name"])
        if code != get_language() and (
            _says(gettext_noop("Language"), text) or any(text.lower() in one.lower() for one in names)
        ):
            yield Hit(f"{gettext('Language')}: {name}", "", "", "edit", form="language", value=code)


def _links(text: str, found: Iterable[tuple[str, str, str]], *about: str) -> Iterator[Hit]:
    """Yield links of (label, page, icon); behind a # the page names one of its parts."""
    for label, page, icon in found:
        if _says(label, text):
            name, mark, part = page.partition("#")
            yield Hit(gettext(label), "", reverse(f"web:{name}", args=about) + mark + part, icon)


def _says(label: str, text: str) -> bool:
    return any(text.lower() in words for words in _in_all_languages(label))


@lru_cache
def _in_all_languages(label: str) -> tuple[str, ...]:
    words = []
    for code, _ in settings.LANGUAGES:
        with override(code):
            words.append(gettext(label).lower())
    return tuple(words)
