"""How statements reach the database: prepared ones on the hot path, and the few whose spelling differs by engine.

SQLAlchemy spends 60-100 µs of Python on each execution, mostly to find out that it has compiled the statement before.
The statements of a code's way (submit, claim, conclude, event) are compiled once here and run on the driver's own
cursor, with the same conversion of values: about 5 µs each.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Table, TextClause, Update, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.type_api import TypeEngine

#: What a database that fails raises, through SQLAlchemy or from a prepared statement.
DATABASE_ERRORS = (DBAPIError, sqlite3.Error)

_Convert = Callable[[Any], Any]
_make_row_type: Any = namedtuple  # noqa: PYI024  fields are known only when a statement is compiled


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    binds: tuple[tuple[str, Any, _Convert | None], ...]  #: name, value unless given, conversion; in their order
    row: Callable[[Sequence[Any]], Any]  #: makes a named tuple
    results: tuple[tuple[int, _Convert], ...]  #: position and conversion of the columns that need one


class Prepared:
    """One statement; values go in by the names of its bind parameters, rows come out as named tuples."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete | TextClause) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, **values: Any) -> list[Any]:
        """Run it; return its rows."""
        compiled = self._for(connection.dialect)
        given = [
            convert(values.get(name, default)) if convert else values.get(name, default)
            for name, default, convert in compiled.binds
        ]
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.sql, given)
            rows: Sequence[Any] = cursor.fetchall() if cursor.description else ()
        finally:
            cursor.close()
        if not compiled.results:
            return [compiled.row(row) for row in rows]
        return [compiled.row(_converted(row, compiled.results)) for row in rows]

    def first(self, connection: Connection, **values: Any) -> Any:
        """Run it; return its first row, None when there is none."""
        rows = self.all(connection, **values)
        return rows[0] if rows else None

    def _for(self, dialect: Dialect) -> _Compiled:
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = _compile(self._statement, dialect)
        return known


def upsert(table: Table, key: Sequence[str], values: Sequence[str], dialect: str = "sqlite") -> Prepared:
    """Return the statement that inserts a row, or sets its values where the key is there already.

    It locks the row until the transaction ends.
    """
    engine = postgresql if dialect == "postgresql" else sqlite
    statement = engine.insert(table).values({name: bindparam(name) for name in (*key, *values)})
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=list(key), set_={name: statement.excluded[name] for name in values}
        )
    )


def _compile(statement: Any, dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    binds = [compiled.binds[name] for name in compiled.positiontup or ()]
    columns = [] if isinstance(statement, TextClause) else list(statement.exported_columns)
    row: Any = _make_row_type("Row", [column.key for column in columns])
    results = [(at, convert) for at, column in enumerate(columns) if (convert := _from_database(column.type, dialect))]
    return _Compiled(
        sql=str(compiled),
        binds=tuple((bind.key, bind.value, _to_database(bind.type, dialect)) for bind in binds),
        row=row._make,
        results=tuple(results),
    )


def _to_database(type_: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _from_database(type_: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return type_.dialect_impl(dialect).result_processor(dialect, None)


def _converted(row: Sequence[Any], results: Sequence[tuple[int, _Convert]]) -> list[Any]:
    values = list(row)
    for at, convert in results:
        values[at] = convert(values[at])
    return values


def binds(table: Table, names: Mapping[str, str]) -> dict[str, Any]:
    """Return ``values()`` of an update: columns by the names of their bind parameters, typed as the columns are."""
    return {column: bindparam(name, type_=table.c[column].type) for column, name in names.items()}
