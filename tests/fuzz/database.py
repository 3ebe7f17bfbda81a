"""The database under test, seeded with hostile text."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from booking_cli.db.connections import connect
from booking_cli.domain.patients import register_key
from booking_cli.domain.references import new_references

Row = Mapping[str, Any]
Rows = dict[str, dict[Any, Row]]  # the rows of each table by their key

# Other programs could have written this text; the product itself refuses some of it.
STORED = (
    "Ana Lima", "\x1b[31mred\x1b[0m", "a\nb\tc\rd", "\x9b31m\x85\x7f\x07", "\u202egnirts\u202c \u2066x\u2069 \u200f",
    "\u2028\u2029\u00ad\ufeff\u200b", "=cmd|' /C calc'!A0", "\t=1+1", " @SUM(A1)", "'-1", "%s %(name)s {} {0}",
    "[bold]loud[/bold] [link=http://evil.example]x[/link] [/]", '"quo\'tes", comma; \\back', "Z" + "\u0351\u0300" * 100,
    "\U0001f469\u200d\u2695\ufe0f \U0001f1e9\U0001f1ea \u6f22\u5b57", "\u0645\u062d\u0645\u062f \u05d3\u05d5\u05d3",
    "\u0130i\u0307\u0131 stra\u00dfe \u212a %_", "'; DROP TABLE bookings; --", "x" * 300, "\r\n",
)  # fmt: skip
_HISTORIES = (
    ("PENDING",), ("CONFIRMED",), ("PENDING", "CONFIRMED"), ("PENDING", "CANCELLED"), ("PENDING", "FAILED"),
    ("PENDING", "CONFIRMED", "CANCELLED"),
)  # fmt: skip
_TABLES = ("clinic", "doctors", "slots", "patients", "patient_history", "bookings", "booking_history")


class FuzzDatabase:
    """Reads and seeds the tables with plain SQL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = connect(url)
        self._run("SET search_path = booking, public")
        self._seen: tuple[object, Rows] = (None, {})
        self.seed()

    def close(self) -> None:
        """Drop the roles that were made for this database, which the server would keep, and close the connection."""
        for role in self._run(
            "SELECT quote_ident(rolname) AS name FROM pg_roles WHERE rolname ^@ (current_database() || '_')"
        ):
            self._run(f"DROP OWNED BY {role['name']}")
            self._run(f"DROP ROLE {role['name']}")
        self._connection.close()

    def rows(self) -> Rows:
        """Return every row of every table."""
        # Every transaction that writes takes a number; without a new one there is nothing new to read.
        number = self._run("SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS number")[0]["number"]
        if self._seen[0] != number:
            with self.try_out("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ") as rows:
                self._seen = number, rows
        return self._seen[1]

    @contextlib.contextmanager
    def try_out(self, statement: str) -> Iterator[Rows]:
        """Return every row of every table after a statement that is rolled back."""
        with self._connection.transaction(force_rollback=True):
            self._run(statement)
            found = {table: self._run(f"SELECT * FROM {table}") for table in _TABLES}
            for patient in found["patients"]:  # the record's number, and those of the records that were merged into it
                history = (entry for entry in found["patient_history"] if entry["patient_id"] == patient["id"])
                patient["numbers"] = {patient["id"], *(entry["former_id"] for entry in history)}
            yield {t: {row["id"]: row for row in found[t]} for t in _TABLES}

    def known(self) -> dict[str, list[str]]:
        """Return arguments that identify records, by kind; by command and kind those with which it can succeed."""
        rows, now = self.rows(), self._run("SELECT now() AS now")[0]["now"]
        bookings, slots, patients = (rows[table].values() for table in ("bookings", "slots", "patients"))
        active = {row["id"] for row in rows["doctors"].values() if row["active"]}
        confirmed = [row for row in bookings if row["status"] == "CONFIRMED"]
        held = [row for row in bookings if row["status"] == "PENDING" and row["hold_expires_at"] > now]
        unbookable = {row["slot_id"] for row in bookings if row["status"] in ("PENDING", "CONFIRMED")}
        unbookable |= {row["id"] for row in slots if row["starts_at"] <= now or row["doctor_id"] not in active}
        doctors = _typeable(row["email"] for row in rows["doctors"].values())
        emails = _typeable(row["email"] for row in patients)
        keys = [*map(str, rows["patients"]), *emails, *_typeable(row["phone"] for row in patients)]
        return {
            "DOCTOR": [*map(str, rows["doctors"]), *doctors],
            "slots add DOCTOR": [str(number) for number in active],
            "doctors delete DOCTOR": [str(n) for n in rows["doctors"].keys() - {row["doctor_id"] for row in slots}],
            "SLOT": [*map(str, rows["slots"]), str(10**9)],
            "book SLOT": [str(number) for number in rows["slots"].keys() - unbookable],
            "slots delete SLOT": [str(n) for n in rows["slots"].keys() - {row["slot_id"] for row in bookings}],
            "PATIENT": keys,
            "INTO": keys,
            "BOOKING": [*_keys(bookings), str(10**9)],
            "confirm BOOKING": _keys(held),
            "cancel BOOKING": _keys([*held, *confirmed]),
            "EMAIL": [*doctors, *emails, *(f"p{number}@clinic.example" for number in range(1000))],
            "LOGIN": [self._connection.info.user],
        }

    def seed(self) -> None:
        """Replace all rows by those of a clinic with hostile text, in which every command can succeed."""
        self._run("TRUNCATE doctors, slots, patients, patient_history, bookings, booking_history RESTART IDENTITY")
        for number, text in enumerate(STORED):
            self._run(
                "INSERT INTO doctors (name, specialization, email, phone, active) VALUES (%s, %s, %s, %s, %s)",
                text, STORED[-number], f"{'d' if number % 2 else text}{number}@clinic.example",
                text if number % 3 else None,
                number % 5 != 0,
            )  # fmt: skip
        self._run(
            """INSERT INTO slots (doctor_id, starts_at, ends_at)
               SELECT id, t, t + interval '30 minutes'
               FROM doctors, LATERAL (SELECT date_trunc('hour', now()) + n * interval '8 hours' AS t
                                      FROM generate_series(-2, 6) n) AS times
               ORDER BY id, t"""
        )
        self._run(
            "INSERT INTO doctors (name, specialization, email) SELECT 'New', 'Any', n || '@x.example' FROM generate_series(1, 5) n"
        )
        self._run("UPDATE clinic SET name = %s, timezone = 'UTC', hold_minutes = 2", STORED[1])
        slots = self._run("SELECT id FROM slots WHERE starts_at > now() ORDER BY id")
        for number, (text, slot) in enumerate(zip(STORED * 2, slots[::3], strict=False)):
            self._seed_booking(number, text, slot["id"], _HISTORIES[number % len(_HISTORIES)])

    def _seed_booking(self, number: int, text: str, slot: int, states: tuple[str, ...]) -> None:
        """Write a patient and a booking with its history; some patients have no email, and some holds have lapsed."""
        email = f"{text if number % 2 else 'p'}{number}@example.org" if number % 4 else None
        phone = None if email and number % 3 else f"555-01{number:02}" if number % 5 else f"{text}{number}"
        patient = self._run(
            """INSERT INTO patients (name, email, phone, note, name_key, contact_key, registered_by)
               VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id""",
            text, email, phone, text, *register_key(text, email, phone), text,
        )[0]["id"]  # fmt: skip
        state = states[-1]
        reason = {"CANCELLED": text, "FAILED": "hold lapsed"}.get(state)
        booking = self._run(
            """INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, status, hold_expires_at,
                                     confirmed_at, cancelled_at, failed_at, reason, version, request_id)
               SELECT %s, id, %s, starts_at, ends_at, %s, now() + %s * interval '1 hour', CASE WHEN %s THEN now() END,
                      CASE WHEN %s THEN now() END, CASE WHEN %s THEN now() END, %s, %s, %s
               FROM slots WHERE id = %s
               RETURNING id""",
            new_references(1)[0], patient, state, -1 if number % 12 == 0 else 24 * 365, "CONFIRMED" in states,
            state == "CANCELLED", state == "FAILED", reason, len(states),
            f"seeded {number} {text}" if number else "same", slot,
        )[0]["id"]  # fmt: skip
        for before, after in zip((None, *states), states, strict=False):
            self._run(
                "INSERT INTO booking_history (booking_id, actor, from_status, to_status, reason) VALUES (%s, %s, %s, %s, %s)",
                booking, text, before, after, reason if after == state else None,
            )  # fmt: skip

    def _run(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        cursor = self._connection.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []


def _keys(bookings: Iterable[Row]) -> list[str]:
    return [str(row["id"]) if row["id"] % 2 else row["reference"] for row in bookings]


def _typeable(texts: Iterable[str | None]) -> list[str]:
    return [text for text in texts if text and text.isascii() and text.isprintable()]
