"""Rows of the database → what the commands show.

These are row factories of psycopg. A statement has a column for each field of the model, in any order; `date` and `time`
follow from `starts_at`. Where the columns are is looked up once, and then the model is made right from a row's values:
by way of a dictionary, a booking takes several times as long. Instants are on the clinic's clock already (`Database.clock`).
"""

import functools
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, TypeVar

from psycopg import Cursor
from psycopg.rows import RowFactory, RowMaker, dict_row, no_result

from booking_cli.domain.models import Booking, Doctor, HistoryEntry, Slot

Model = TypeVar("Model", Booking, Doctor, HistoryEntry, Slot)


def _of(model: type[Model]) -> RowFactory[Model]:
    @functools.cache
    def maker(columns: tuple[bytes | None, ...]) -> RowMaker[Model]:
        places = {field: columns.index(field.encode()) for field in model._fields if field not in ("date", "time")}
        if "date" not in model._fields:
            in_order = itemgetter(*places.values())
            return lambda values: model._make(in_order(values))

        date, time = (model._fields.index(field) for field in ("date", "time"))
        starts_at_twice_more = itemgetter(*(places.get(field, places["starts_at"]) for field in model._fields))

        def make(values: Sequence[Any]) -> Model:
            row = list(starts_at_twice_more(values))
            row[date], row[time] = row[date].date(), row[time].time()
            return model._make(row)

        return make

    def factory(cursor: Cursor[Any]) -> RowMaker[Model]:
        if not (result := cursor.pgresult):
            return no_result
        return maker(tuple([result.fname(number) for number in range(result.nfields)]))

    return factory


doctor = _of(Doctor)
slot = _of(Slot)
booking = _of(Booking)
history_entry = _of(HistoryEntry)


def booking_and_first_status(cursor: Cursor[Any]) -> RowMaker[tuple[Booking, str]]:
    """Make a pair of each row: the booking, and the state that it had at first."""
    make, named = booking(cursor), dict_row(cursor)
    return lambda values: (make(values), named(values)["first_status"])
