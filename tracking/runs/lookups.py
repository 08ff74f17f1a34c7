"""Texts as search means them, the same on SQLite and PostgreSQL: by code point, and MLflow's LIKE and ILIKE.

``%`` stands for any text, ``_`` for one character, and nothing escapes either. LIKE is exact about case; ILIKE takes A
to Z in any case and all else as it is, which is what SQLite can do.
"""

from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, CharField, Func, Lookup
from django.db.models.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    TextLookup = Lookup[str]
else:
    TextLookup = Lookup  # not generic at run time

# SQLite refuses patterns of more than 50,000 bytes, and a character becomes at most four.
MAX_PATTERN = 8_000
PREFIX = 64
_TO_GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})


class BinaryText(Func):
    """A text that compares by code point, as SQLite's do, whatever PostgreSQL's collation."""

    output_field = CharField()
    template = '(%(expressions)s) COLLATE "C"'
    sqlite_template = "%(expressions)s"

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template=self.sqlite_template, **extra)


class Prefix(BinaryText):
    """The beginning of a text, ``PREFIX`` characters: what an index holds of one that may be too long for it."""

    template = '(SUBSTR(%(expressions)s, 1, 64)) COLLATE "C"'
    sqlite_template = "SUBSTR(%(expressions)s, 1, 64)"


class ForSqlite(Func):
    """A condition that follows from the others: SQLite is given it, PostgreSQL's statistics know better."""

    output_field = BooleanField()
    template = "%(expressions)s"

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> tuple[str, Any]:
        return "TRUE", ()


@CharField.register_lookup
class Like(TextLookup):
    """``field__like="100%"``."""

    lookup_name = "like"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = self.process_rhs(compiler, connection)
        return f"{lhs} LIKE {rhs} ESCAPE ''", (*lhs_params, *rhs_params)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Return GLOB: LIKE has no case there."""
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, (pattern,) = self.process_rhs(compiler, connection)
        return f"{lhs} GLOB {rhs}", (*lhs_params, str(pattern).translate(_TO_GLOB))


@CharField.register_lookup
class ILike(TextLookup):
    """``field__ilike="100%"``."""

    lookup_name = "ilike"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = self.process_rhs(compiler, connection)
        return f"""{lhs} COLLATE "C" ILIKE {rhs} ESCAPE ''""", (*lhs_params, *rhs_params)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = self.process_rhs(compiler, connection)
        return f"{lhs} LIKE {rhs}", (*lhs_params, *rhs_params)
