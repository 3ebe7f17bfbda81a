"""psycopg row factories that build the models.

A statement returns a column for each field of the model, in any order, and may return others; of two columns with one name
the first counts. `date` and `time` follow from `starts_at`. The positions of the columns are looked up once per statement:
building a booking by way of a dictionary takes several times as long.
"""

import functools
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, TypeVar

from psycopg import Cursor
from psycopg.rows import RowFactory, RowMaker, no_result

from booking_cli.domain.models import Booking, Doctor, HistoryEntry, Patient, PatientChange, Slot

Model = TypeVar("Model", Booking, Doctor, HistoryEntry, Patient, PatientChange, Slot)
T = TypeVar("T")
_SOURCES = {"date": "starts_at", "time": "starts_at"}


def _of_model(model: type[Model]) -> RowFactory[Model]:
    @functools.cache
    def row_maker(columns: tuple[str, ...]) -> RowMaker[Model]:
        in_order = itemgetter(*(columns.index(_SOURCES.get(field, field)) for field in model._fields))
        if "date" not in model._fields:
            return lambda values: model._make(in_order(values))
        date, time = (model._fields.index(field) for field in _SOURCES)

        def make(values: Sequence[Any]) -> Model:
            row = list(in_order(values))
            row[date], row[time] = row[date].date(), row[time].time()
            return model._make(row)

        return make

    def factory(cursor: Cursor[Any]) -> RowMaker[Model]:
        return row_maker(_columns(cursor)) if cursor.pgresult else no_result

    return factory


def with_columns(model_row: RowFactory[T], *names: str) -> RowFactory[tuple[Any, ...]]:
    """Return a row factory that makes a tuple: the model, and the values of the columns `names`."""

    def factory(cursor: Cursor[Any]) -> RowMaker[tuple[Any, ...]]:
        make, columns = model_row(cursor), _columns(cursor)
        positions = [columns.index(name) for name in names] if columns else []
        return lambda values: (make(values), *(values[position] for position in positions))

    return factory


def _columns(cursor: Cursor[Any]) -> tuple[str, ...]:
    result = cursor.pgresult
    return tuple((result.fname(number) or b"").decode() for number in range(result.nfields)) if result else ()


doctor = _of_model(Doctor)
slot = _of_model(Slot)
patient = _of_model(Patient)
patient_change = _of_model(PatientChange)
booking = _of_model(Booking)
history_entry = _of_model(HistoryEntry)
