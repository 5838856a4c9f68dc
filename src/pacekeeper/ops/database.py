"""The operational database: SQLite in WAL mode beside the warehouse, never inside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine, Table, bindparam, delete, event, insert, inspect, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool
from sqlmodel import Session, SQLModel, create_engine, select

from pacekeeper.errors import FatalError
from pacekeeper.ops import alert_tables, erasure_tables, report_tables, tables

Row = TypeVar("Row", bound=SQLModel)
#: SQLite takes so many values in one statement, in any of its versions.
_VALUES_AT_ONCE = 900

_MODELS: tuple[type[SQLModel], ...] = (
    tables.Run,
    tables.SourceRun,
    tables.BackfillSlice,
    tables.StreamRun,
    tables.StreamReason,
    tables.StreamState,
    tables.StreamGap,
    tables.EntityState,
    tables.MappingRun,
    tables.MappingReason,
    tables.UnmappedValue,
    tables.MartRun,
    alert_tables.Alert,
    alert_tables.AlertEvent,
    alert_tables.AlertDelivery,
    alert_tables.AlertNote,
    alert_tables.AlertDrain,
    alert_tables.AlertMark,
    alert_tables.AlertPolicy,
    report_tables.ReportHandover,
    erasure_tables.Erasure,
    erasure_tables.ErasedRows,
    erasure_tables.ErasedKey,
    erasure_tables.KeyLookup,
)


class OpsDatabase:
    """Runs, ledgers and stream state of one practice. Safe to use from several processes; made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The engine; the file and its tables are made when it is first asked for."""
        if self._engine is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # No pool: a connection that stays open keeps the file's write-ahead log beside it.
            engine = create_engine(f"sqlite:///{self.path}", poolclass=NullPool)

            @event.listens_for(engine, "connect")
            def _pragmas(connection: object, _record: object) -> None:
                cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection
                cursor.execute("PRAGMA journal_mode=WAL")
                cursor.execute("PRAGMA busy_timeout=10000")
                cursor.close()

            try:
                SQLModel.metadata.create_all(engine, tables=[_table(model) for model in _MODELS])
                _add_columns(engine)
            except DatabaseError as error:
                raise FatalError(
                    f"the operational database {self.path} cannot be opened ({type(error.orig).__name__}): check that "
                    "it is a SQLite file and the disk is not full; moved away, it is made anew, and every source is "
                    "read from the beginning"
                ) from None
            self.path.chmod(0o600)
            self._engine = engine
        return self._engine

    def add(self, rows: Iterable[SQLModel]) -> None:
        """Write rows in one transaction, in place of rows with the same key."""
        by_model: dict[type[SQLModel], list[SQLModel]] = {}
        for row in rows:
            by_model.setdefault(type(row), []).append(row)
        with self.engine.begin() as connection:
            for model, same in by_model.items():
                table = _table(model)
                keys = [column.name for column in table.primary_key]
                # The last of several rows with one key stands.
                last = {tuple(getattr(row, key) for key in keys): row for row in same}
                wanted = [column == bindparam(f"key_{column.name}") for column in table.primary_key]
                places = [{f"key_{name}": part for name, part in zip(keys, key, strict=True)} for key in last]
                connection.execute(delete(table).where(*wanted), places)
                names = table.columns.keys()
                connection.execute(
                    insert(table), [{name: getattr(row, name) for name in names} for row in last.values()]
                )

    def rows(self, model: type[Row], **equal: object) -> Sequence[Row]:
        """Rows of a table whose columns equal the given values."""
        query = select(model)
        for name, value in equal.items():
            query = query.where(getattr(model, name) == value)
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(query).all()

    def rows_among(self, model: type[Row], column: str, values: Iterable[str]) -> list[Row]:
        """Rows of a table whose column is one of the values."""
        wanted = sorted(set(values))
        found: list[Row] = []
        with Session(self.engine, expire_on_commit=False) as session:
            for start in range(0, len(wanted), _VALUES_AT_ONCE):
                part = wanted[start : start + _VALUES_AT_ONCE]
                found += session.exec(select(model).where(getattr(model, column).in_(part))).all()
        return found

    def has(self, model: type[Row], **equal: object) -> bool:
        """Whether there is a row whose columns equal the given values."""
        query = select(model)
        for name, value in equal.items():
            query = query.where(getattr(model, name) == value)
        with Session(self.engine) as session:
            return session.exec(query.limit(1)).first() is not None

    def remove(self, rows: Iterable[SQLModel]) -> None:
        """Delete rows that `rows` has returned, in one transaction."""
        with Session(self.engine) as session:
            for row in rows:
                session.delete(row)
            session.commit()

    def last_run(self) -> tables.Run | None:
        """The run that started last; null before the first."""
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(select(tables.Run).order_by(tables.Run.started_at.desc()).limit(1)).first()  # type: ignore[attr-defined]

    def read_whole_next(self, source: str) -> None:
        """Have the next read of a source ask for everything; what is known to be complete stays so."""
        states = self.rows(tables.StreamState, source=source)
        for state in states:
            state.watermark = state.fingerprint = None
        self.add(states)

    def finish_run(self, run_id: str, *, state: str, ended_at: datetime | None) -> None:
        """Mark a run as ended; ended_at null = nobody knows when."""
        with Session(self.engine) as session:
            run = session.get(tables.Run, run_id)
            if run is not None:
                run.state, run.ended_at = state, ended_at
                session.add(run)
                session.commit()


def _table(model: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(model.__tablename__)]


def _add_columns(engine: Engine) -> None:
    """Give the tables of an earlier version the columns they lack, with the defaults of today."""
    there = inspect(engine)
    with engine.begin() as connection:
        for model in _MODELS:
            table = _table(model)
            known = {column["name"] for column in there.get_columns(table.name)}
            for column in table.columns:
                if column.name not in known:
                    kind = column.type.compile(engine.dialect)
                    default = model.model_fields[column.name].default
                    value = "" if default is None else f" NOT NULL DEFAULT {default!r}"
                    connection.execute(text(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}{value}'))
