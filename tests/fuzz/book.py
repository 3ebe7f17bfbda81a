"""The little book that is fuzzed: hostile text is stored in it already, and it is kept small and alive between inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from booking_cli.db.connections import connect
from booking_cli.domain.references import new_reference

Row = Mapping[str, Any]
Rows = dict[str, dict[Any, Row]]  # a table's rows by their key

# What another program could have written; the product itself would refuse some of it.
STORED = (
    "Ana Lima",
    "\x1b[31mred\x1b[0m",
    "a\nb\tc\rd",
    "\x9b31m\x85\x7f\x07",
    "\u202egnirts\u202c \u2066x\u2069 \u200f",
    "\u2028\u2029\u00ad\ufeff\u200b",
    "=cmd|' /C calc'!A0",
    "\t=1+1",
    " @SUM(A1)",
    "'-1",
    "[bold]loud[/bold] [link=http://evil.example]x[/link] [/]",
    '"quo\'tes", comma; \\back',
    "%s %(name)s {} {0}",
    "Z" + "\u0351\u0300" * 100,
    "\U0001f469\u200d\u2695\ufe0f \U0001f1e9\U0001f1ea \u6f22\u5b57",
    "\u0645\u062d\u0645\u062f \u05d3\u05d5\u05d3",
    "\u0130i\u0307\u0131 stra\u00dfe \u212a %_",
    "'; DROP TABLE bookings; --",
    "x" * 300,
    "\r\n",
)
_TABLES = ("clinic", "doctors", "slots", "bookings", "booking_history", "schema_migrations")


@dataclass(frozen=True)
class Known:
    """What there is in the book, as it can be typed."""

    doctors: list[str]
    active_doctors: list[str]
    idle_doctors: list[str]
    emails: list[str]
    slots: list[str]
    free_slots: list[str]
    unused_slots: list[str]
    bookings: list[str]
    held: list[str]
    active: list[str]
    login: str


class FuzzedBook:
    """The tables, seen from outside the product."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = connect(url)
        self._connection.execute("SET search_path = booking, public")
        self._connection.execute("SELECT setseed(0.5)")  # for the times of new slots
        self._seen: tuple[object, Rows] | None = None
        self._seed()
        self._seeded = {table: self._newest(table) for table in ("doctors", "slots", "bookings")}

    def close(self) -> None:
        """Remove the roles that were made for this database, which the server would keep, and close the connection."""
        roles = self._all(
            "SELECT quote_ident(rolname) AS name FROM pg_roles WHERE rolname ^@ (current_database() || '_')"
        )
        for role in roles:
            self._run(f"DROP OWNED BY {role['name']}")
            self._run(f"DROP ROLE {role['name']}")
        self._connection.close()

    def rows(self) -> Rows:
        """Return every row of every table."""
        # A transaction that writes takes a number, so where none was taken there is nothing new to read.
        number = self._all("SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS number")[0]["number"]
        if self._seen is None or self._seen[0] != number:
            with self._connection.transaction():
                self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                found = {table: self._all(f"SELECT * FROM {table}") for table in _TABLES}
            key = {"schema_migrations": "version"}
            self._seen = number, {t: {row[key.get(t, "id")]: row for row in rows} for t, rows in found.items()}
        return self._seen[1]

    def known(self) -> Known:
        """Return what can be typed to mean something in the book."""
        rows = self.rows()
        now = self._all("SELECT now() AS now")[0]["now"]
        bookings, doctors = list(rows["bookings"].values()), list(rows["doctors"].values())
        used = {row["slot_id"] for row in bookings}
        taken = {row["slot_id"] for row in bookings if row["status"] in ("PENDING", "CONFIRMED")}
        active = {row["id"] for row in doctors if row["active"]}
        free = [
            row for row in rows["slots"].values()
            if row["id"] not in taken and row["starts_at"] > now and row["doctor_id"] in active
        ]  # fmt: skip
        held = [row for row in bookings if row["status"] == "PENDING" and row["hold_expires_at"] > now]
        emails = [row["email"] for row in doctors if row["email"].isascii() and row["email"].isprintable()]
        return Known(
            doctors=[*(str(row["id"]) for row in doctors), *emails],
            active_doctors=[str(number) for number in active],
            idle_doctors=[
                str(n) for n in rows["doctors"].keys() - {row["doctor_id"] for row in rows["slots"].values()}
            ],
            emails=[*emails, *(row["patient_email"] for row in bookings)],
            slots=[str(number) for number in rows["slots"]],
            free_slots=[str(row["id"]) for row in free],
            unused_slots=[str(number) for number in rows["slots"] if number not in used],
            bookings=_keys(bookings),
            held=_keys(held),
            active=_keys([*held, *(row for row in bookings if row["status"] == "CONFIRMED")]),
            login=self._connection.info.user,
        )

    def tend(self) -> None:
        """Keep the book small and alive: slots to book, doctors who work, not too much of what inputs have added."""
        seeded = self._seeded
        for statement in (
            f"DELETE FROM bookings WHERE id > {seeded['bookings']} AND status IN ('CANCELLED', 'FAILED')",
            f"""DELETE FROM bookings WHERE id IN (
                SELECT id FROM bookings WHERE id > {seeded["bookings"]} ORDER BY id DESC OFFSET 40)""",
            "DELETE FROM booking_history h WHERE NOT EXISTS (SELECT FROM bookings b WHERE b.id = h.booking_id)",
            f"""DELETE FROM slots s WHERE id > {seeded["slots"]} AND id NOT IN (
                SELECT id FROM slots ORDER BY id DESC LIMIT 20)
                AND NOT EXISTS (SELECT FROM bookings b WHERE b.slot_id = s.id)""",
            f"""DELETE FROM doctors d WHERE id > {seeded["doctors"]} AND id NOT IN (
                SELECT id FROM doctors ORDER BY id DESC LIMIT 5)
                AND NOT EXISTS (SELECT FROM slots s WHERE s.doctor_id = d.id)""",
            """INSERT INTO doctors (name, specialization, email)
                SELECT 'Without slots', 'Any', gen_random_uuid() || '@clinic.example' FROM generate_series(1, 2)""",
            "UPDATE doctors SET active = id % 5 <> 0",
            "UPDATE clinic SET hold_minutes = 2",
            f"""INSERT INTO slots (doctor_id, starts_at, ends_at)
                SELECT id, t, t + interval '30 minutes'
                FROM (SELECT id, date_trunc('hour', now()) + interval '2 days' + (random() * 400)::integer * interval '1 hour' AS t
                      FROM doctors, generate_series(1, 3) WHERE id <= {seeded["doctors"]}) AS times
                ON CONFLICT DO NOTHING""",
        ):
            self._run(statement)

    def _seed(self) -> None:
        for number, text in enumerate(STORED):
            doctor = self._all(
                """INSERT INTO doctors (name, specialization, email, phone, active)
                   VALUES (%s, %s, %s, %s, %s) RETURNING id""",
                text,
                STORED[-number],
                f"d{number}@clinic.example" if number % 2 else f"{text}{number}@clinic.example",
                text if number % 3 else None,
                number % 5 != 0,
            )[0]["id"]
            self._run(
                """INSERT INTO slots (doctor_id, starts_at, ends_at)
                   SELECT %s, t, t + interval '30 minutes'
                   FROM (SELECT date_trunc('hour', now()) + n * interval '8 hours' AS t FROM generate_series(-2, 6) n) AS times""",
                doctor,
            )
        self._run("UPDATE clinic SET name = %s", STORED[1])
        slots = self._all("SELECT id FROM slots WHERE starts_at > now() ORDER BY id")
        histories = (
            ("PENDING",),
            ("CONFIRMED",),
            ("PENDING", "CONFIRMED"),
            ("PENDING", "CANCELLED"),
            ("PENDING", "FAILED"),
            ("PENDING", "CONFIRMED", "CANCELLED"),
        )
        for number, (text, slot) in enumerate(zip(STORED * 2, slots[::3], strict=False)):
            self._book(number, text, slot["id"], histories[number % len(histories)])

    def _book(self, number: int, text: str, slot: int, states: tuple[str, ...]) -> None:
        """Write a booking and its history; every other hold has lapsed."""
        state, before = states[-1], (None, *states)
        booking = self._all(
            """INSERT INTO bookings (reference, slot_id, patient_name, patient_email, patient_phone, status,
                                     hold_expires_at, confirmed_at, cancelled_at, failed_at, reason, version, request_id)
               VALUES (%s, %s, %s, %s, %s, %s, now() + %s * interval '1 hour',
                       CASE WHEN %s THEN now() END, CASE WHEN %s THEN now() END, CASE WHEN %s THEN now() END, %s, %s, %s)
               RETURNING id""",
            new_reference(), slot, text, f"{text}{number}@example.org" if number % 2 else f"p{number}@example.org",
            text if number % 3 else None, state, -1 if number % 12 == 0 else 24 * 365, "CONFIRMED" in states,
            state == "CANCELLED", state == "FAILED", text if state in ("CANCELLED", "FAILED") else None, len(states),
            "same" if number == 1 else f"seeded {number} {text}",
        )[0]["id"]  # fmt: skip
        for previous, following in zip(before, states, strict=False):
            self._run(
                "INSERT INTO booking_history (booking_id, actor, from_status, to_status, reason) VALUES (%s, %s, %s, %s, %s)",
                booking, text, previous, following, text if following in ("CANCELLED", "FAILED") else None,
            )  # fmt: skip

    def _newest(self, table: str) -> int:
        newest: int = self._all(f"SELECT max(id) AS newest FROM {table}")[0]["newest"]
        return newest

    def _all(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        return self._connection.execute(statement.encode(), parameters or None).fetchall()

    def _run(self, statement: str, *parameters: object) -> "psycopg.Cursor[Any]":
        return self._connection.execute(statement.encode(), parameters or None)


def _keys(bookings: list[Row]) -> list[str]:
    return [str(row["id"]) if row["id"] % 2 else row["reference"] for row in bookings]
