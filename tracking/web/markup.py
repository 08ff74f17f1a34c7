"""Text that people and programs wrote, made into HTML that cannot do anything."""

from pathlib import PurePosixPath

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.lexers.special import TextLexer

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
    "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
URL_SCHEMES = {"http", "https", "mailto"}

# Only formats that people log: a lexer is a set of regular expressions, run here on text from outside.
LEXER_BY_SUFFIX = {
    ".bash": "bash", ".c": "c", ".cfg": "ini", ".conf": "ini", ".cpp": "cpp", ".css": "css", ".diff": "diff",
    ".go": "go", ".h": "c", ".htm": "html", ".html": "html", ".ini": "ini", ".ipynb": "json", ".java": "java",
    ".js": "javascript", ".json": "json", ".jsonl": "json", ".lua": "lua", ".mjs": "javascript", ".patch": "diff",
    ".py": "python", ".pyi": "python", ".r": "r", ".rb": "ruby", ".rs": "rust", ".sh": "bash", ".sql": "sql",
    ".svg": "xml", ".toml": "toml", ".ts": "typescript", ".xml": "xml", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip
LEXER_BY_NAME = {"mlmodel": "yaml", "dockerfile": "docker", "makefile": "make"}
MAX_HIGHLIGHTED = 128 * 1024

# Pictures in Markdown would be fetched from other hosts, which the page's policy refuses: they stay links.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
_FORMATTER = HtmlFormatter(nowrap=True)


def render_markdown(text: str) -> SafeString:
    """Return Markdown as HTML: no raw HTML, no pictures, links to the web only."""
    html = nh3.clean(
        _MARKDOWN.render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=URL_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
    return SafeString(html)


def plain_text(text: str) -> str:
    """Return the words of Markdown without its marks, on one line."""
    lines = ("".join(_word(token) for token in block.children or [block]) for block in _MARKDOWN.parse(text))
    return " ".join(" ".join(lines).split())


def _word(token: Token) -> str:
    return " " if token.type in ("softbreak", "hardbreak") else token.content


def render_code(text: str, *, name: str) -> SafeString:
    """Return text as ``<pre>``, coloured by classes as the file's name suggests; long text stays plain."""
    lexer = _lexer_of(name) if len(text) <= MAX_HIGHLIGHTED else TextLexer(stripnl=False)
    return format_html('<pre class="highlight">{}</pre>', SafeString(highlight(text, lexer, _FORMATTER)))


def _lexer_of(name: str) -> Lexer:
    path = PurePosixPath(name.lower())
    alias = LEXER_BY_SUFFIX.get(path.suffix) or LEXER_BY_NAME.get(path.name)
    return get_lexer_by_name(alias, stripnl=False) if alias else TextLexer(stripnl=False)
