"""Every text that a person reads is there in every language."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

from portal.env import BASE_DIR
from tests.support.people import People
from tests.support.translations import DOMAINS, Domain, messages, texts

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}")
TAG = re.compile(r"<[^>]+>")
BLOCKS = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}|{% comment.*?{% endcomment %}", re.S)
TEMPLATES = sorted((BASE_DIR / "templates").rglob("*.html"))
# Read by people in any language: names, keys of the keyboard, what is written in code.
AS_THEY_ARE = {"mlportal", "Esc", "Shift", "Ctrl", "Alt", "Enter", "EN", "English", "UTC", "NaN", "CSV", "JSON"}
BARE_TAGS = {"code", "kbd", "pre", "script", "style"}


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    """Forget the language that the test client leaves active in this thread."""
    yield
    translation.deactivate()


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
class TestCatalogue:
    def test_has_the_texts_of_the_sources_and_no_others(self, domain: Domain) -> None:
        found = {(message.context, message.id) for message in messages(domain.found())}

        stored = {(message.context, message.id) for message in messages(domain.stored())}

        assert stored == found, "run `make translations`"

    def test_translates_all(self, domain: Domain) -> None:
        stored = messages(domain.stored())

        assert [message.id for message in stored if message.fuzzy or not all(texts(message))] == []

    def test_keeps_placeholders_and_markup(self, domain: Domain) -> None:
        """In Chinese, whose one form of the plural names what the English plural names."""
        lost = []
        for message in messages(domain.stored()):
            original = message.id if isinstance(message.id, str) else str(message.id[-1])
            for text in texts(message):
                for pattern in (PLACEHOLDER, TAG):
                    if sorted(pattern.findall(original)) != sorted(pattern.findall(text)):
                        lost.append((original, text))

        assert lost == []

    def test_is_compiled(self, domain: Domain) -> None:
        assert domain.mo.read_bytes() == domain.compiled(), "run `make translations`"


class BareText(HTMLParser):
    """Collects what a template says outside of translations. Its tags of Django's are taken out before."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BARE_TAGS:
            self._open.append(tag)
        for name, value in attrs:
            if name in ("title", "aria-label", "alt", "data-copied"):
                self._look_at(value or "")

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open:
            self._look_at(data)

    def _look_at(self, text: str) -> None:
        self.found += [word for word in re.findall(r"[A-Za-z]{2,}", text) if word not in AS_THEY_ARE]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(BASE_DIR / "templates")))
def test_no_template_says_anything_that_is_not_translated(path: Path) -> None:
    source = re.sub(
        r"{% blocktranslate.*?{% endblocktranslate %}|{% comment.*?{% endcomment %}", "", path.read_text(), flags=re.S
    )
    parser = BareText()

    parser.feed(re.sub(r"{%.*?%}|{{.*?}}", "", source, flags=re.S))

    assert parser.found == []


class TestLanguage:
    def test_is_the_browsers_until_one_chooses(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        chinese = client.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).content.decode()
        assert '<html lang="zh-hans">' in chinese
        assert "工作区" in chinese

        client.post("/language", {"code": "en", "back": "/account"})
        assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "zh-CN"}).content.decode()

    @pytest.mark.parametrize(
        ("wanted", "leads_to"),
        [("/account?x=1", "/account?x=1"), ("//evil.example", "/"), ("https://evil.example", "/")],
    )
    def test_choice_leads_back_to_a_page_of_ours(self, client: Client, db: None, wanted: str, leads_to: str) -> None:
        response = client.post("/language", {"code": "zh-hans", "back": wanted})

        assert (response.status_code, response["Location"]) == (302, leads_to)
        assert response.cookies["language"].value == "zh-hans"

    def test_of_nobody_changes_nothing(self, client: Client, db: None) -> None:
        assert "language" not in client.post("/language", {"code": "xx", "back": "/"}).cookies

    def test_has_a_catalogue_for_scripts(self, client: Client, db: None) -> None:
        client.cookies["language"] = "zh-hans"

        response = client.get("/words.js")

        assert response["Content-Type"].startswith("text/javascript")
        assert "gettext" in response.content.decode()
