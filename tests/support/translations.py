"""``make translations``: the catalogues brought up to date with the strings in code, templates and scripts.

Babel instead of gettext's programs, which a fresh machine lacks. What is compiled (``.mo``) is committed, so that
serving needs neither. New strings arrive untranslated: fill in ``locale/zh_Hans/LC_MESSAGES/*.po`` and run it again.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from portal.env import BASE_DIR
from tracking.core.clock import EPOCH

FOLDER = BASE_DIR / "locale" / "zh_Hans" / "LC_MESSAGES"
# Without dates and names, so that two branches which add strings do not both change it.
HEADER = r"""msgid ""
msgstr ""
"Language: zh_Hans\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: nplurals=1; plural=0;\n"

"""
PLAIN, PLURAL, CONTEXT, PLURAL_IN_CONTEXT = None, (1, 2), ((1, "c"), 2), ((1, "c"), 2, 3)
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), PLAIN),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), PLURAL),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), CONTEXT),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), PLURAL_IN_CONTEXT),
}


@dataclass(frozen=True, slots=True)
class Domain:
    """A catalogue, and the language and the text of the files it is made from."""

    name: str

    @property
    def po(self) -> Path:
        return FOLDER / f"{self.name}.po"

    @property
    def mo(self) -> Path:
        return FOLDER / f"{self.name}.mo"

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield Babel's method and a text for each file."""
        if self.name == "djangojs":
            for path in sorted((BASE_DIR / "static" / "js").glob("*.js")):
                yield "javascript", path.read_text()
            return
        for room in ("portal", "tracking"):
            for path in sorted((BASE_DIR / room).rglob("*.py")):
                yield "python", path.read_text()
        for path in sorted((BASE_DIR / "templates").rglob("*.html")):
            # Django's form for gettext is Python but for its indents.
            yield "python", "\n".join(line.strip() for line in templatize(path.read_text()).splitlines())

    def found(self) -> Catalog:
        """Return the strings that are in the sources."""
        catalog = Catalog()
        for method, text in self.sources():
            for _, message, _, context in extract(method, io.BytesIO(text.encode()), keywords=KEYWORDS):
                catalog.add(message, context=context)
        return catalog

    def stored(self) -> Catalog:
        """Return the catalogue as it lies in the project."""
        with self.po.open("rb") as file:
            catalog = read_po(file, locale="zh_Hans")
        catalog.creation_date = EPOCH  # else the time of compilation, and every .mo file another
        return catalog

    def compiled(self) -> bytes:
        """Return what the ``.mo`` file has to hold."""
        file = io.BytesIO()
        write_mo(file, self.stored())
        return file.getvalue()


DOMAINS = (Domain("django"), Domain("djangojs"))


def messages(catalog: Catalog) -> list[Message]:
    """Return the messages of a catalogue without its header."""
    return [message for message in catalog if message.id]


def texts(message: Message) -> tuple[str, ...]:
    """Return the translations of a message: one, or one for each plural form; "" where one is missing."""
    given = message.string
    return (given or "",) if isinstance(given, str | None) else tuple(str(text) for text in given)


def update(domain: Domain) -> int:
    """Write the catalogue anew and return how many of its strings wait for a translation."""
    catalog = domain.stored()
    catalog.update(domain.found(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    file = io.BytesIO(HEADER.encode())
    file.seek(0, io.SEEK_END)
    write_po(file, catalog, width=120, no_location=True, sort_output=True, omit_header=True)
    domain.po.write_bytes(file.getvalue())
    domain.mo.write_bytes(domain.compiled())
    return sum(not all(texts(message)) for message in messages(catalog))


def main() -> None:
    """Update both catalogues."""
    for domain in DOMAINS:
        waiting = update(domain)
        print(f"{domain.po.relative_to(BASE_DIR)}: {waiting} strings to translate")


if __name__ == "__main__":
    main()
