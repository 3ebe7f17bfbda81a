"""In a book of some size, nothing that somebody waits for reads a whole table: each named query is asked for its plan."""

import datetime as dt
import json
import os

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from booking_cli.repository.verify import CHECKS
from tests.bench.ground import fill
from tests.bench.raw import written_out
from tests.unit.test_queries import NAMES

SLOTS = 100_000
BIG_TABLES = {"slots", "bookings", "booking_history"}
# What is about the whole book must read it, and is given the time for it.
ABOUT_THE_WHOLE_BOOK = {
    "stats.overall",
    "stats.by_doctor",
    "stats.by_day",
    "db.sizes",
    *(f"verify.{name}" for name in CHECKS),
}
# A thousand patients at once are so many in a book of this size that to read it whole is the faster way.
ABOUT_MANY_PATIENTS = {"batches.find_overlaps"}
NOW = dt.datetime.now(dt.UTC)
DAY = {"starts_from": NOW, "starts_before": NOW + dt.timedelta(days=1)}
ANY_TIME = {"starts_from": None, "starts_before": None}
FROM_NOW = {"starts_from": NOW, "starts_before": None}
NO_SLOT_FILTER = {"doctor_id": None, "specialization": None, "status": "free", "limit": 200, **FROM_NOW}
NO_FILTER = {"doctor_id": None, "email": None, "status": None, "limit": 200, **ANY_TIME}
PATIENT = {"patient_name": "Patient 7", "patient_email": "patient7@example.org", "patient_phone": None}
BY_NUMBER = {"id": 7, "reference": None}
BY_REFERENCE = {"id": None, "reference": "K7QF-2M9T"}
CHANGE = {"request_id": "r-1", "actor": "tester"}
EPOCHS = {"epochs": [int(NOW.timestamp()) + 86_400 + 1800 * number for number in range(16)]}
LINES = json.dumps(
    [
        {"slot_id": number, "name": "Pat", "email": f"{number}@x.de", "request_id": f"r-{number}", "confirm": False}
        for number in range(1, 1001)
    ]
)
QUERIES = [
    ("slots.find", {"id": 7}),
    ("slots.list_free", NO_SLOT_FILTER),
    ("slots.list_free", {**NO_SLOT_FILTER, "doctor_id": 3, **DAY}),
    ("slots.list_free", {**NO_SLOT_FILTER, "doctor_id": 3}),
    ("slots.list", {**NO_SLOT_FILTER, "status": "all"}),
    ("slots.list", {**NO_SLOT_FILTER, "status": "booked", "doctor_id": 3}),
    ("slots.list", {**NO_SLOT_FILTER, "status": "all", **DAY}),
    ("slots.next_free", {**NO_SLOT_FILTER, "specialization": "Cardiology", "limit": 20}),
    ("slots.next_free", {**NO_SLOT_FILTER, "specialization": "Oncology", "limit": 20}),
    ("slots.add", {"doctor_id": 3, "starts_at": NOW + dt.timedelta(days=1), "minutes": 30}),
    ("slots.why_not_added", {"doctor_id": 3, "starts_at": NOW + dt.timedelta(days=1), "minutes": 30}),
    ("slots.bulk_add", {"doctor_id": 3, "minutes": 30, **EPOCHS}),
    ("slots.bulk_add_around", {"doctor_id": 3, "minutes": 30, **EPOCHS}),
    ("slots.bulk_outlook", {"doctor_id": 3, "minutes": 30, "starts": [NOW + dt.timedelta(days=1)]}),
    ("slots.delete", {"id": 7}),
    ("slots.count_bookings", {"id": 7}),
    ("bookings.find", BY_NUMBER),
    ("bookings.find", BY_REFERENCE),
    ("bookings.list", NO_FILTER),
    ("bookings.list", {**NO_FILTER, **DAY}),
    ("bookings.list", {**NO_FILTER, "email": "patient7@example.org"}),
    ("bookings.list", {**NO_FILTER, "doctor_id": 3, **FROM_NOW}),
    ("bookings.find_request", {"request_id": "r-1"}),
    ("bookings.find_change", {**BY_NUMBER, "status": "CONFIRMED", "request_id": "r-1"}),
    ("bookings.find_change", {**BY_REFERENCE, "status": "CANCELLED", "request_id": "r-1"}),
    ("bookings.find_overlap", {**PATIENT, "slot_id": 7}),
    ("bookings.book", {**PATIENT, **CHANGE, "slot_id": 7, "reference": "x", "confirm": False, "hold_minutes": 2}),
    ("bookings.why_not_booked", {**PATIENT, "slot_id": 7}),
    ("bookings.release_lapsed_hold", {**CHANGE, "slot_id": 7}),
    ("bookings.confirm", {**BY_NUMBER, **CHANGE}),
    ("bookings.confirm", {**BY_REFERENCE, **CHANGE}),
    ("bookings.cancel", {**BY_NUMBER, **CHANGE, "reason": None}),
    ("bookings.cancel", {**BY_REFERENCE, **CHANGE, "reason": None}),
    ("bookings.any_lapsed", {}),
    ("bookings.expire", {**CHANGE, "batch": 1000}),
    ("bookings.history", {"id": 7}),
    ("batches.find_requests", {"request_ids": ["r-1", "r-2"]}),
    ("batches.book", {"lines": LINES, "hold_minutes": 2, "actor": "tester"}),
    ("batches.book_around", {"lines": LINES, "hold_minutes": 2, "actor": "tester"}),
    ("batches.spans", {"lines": LINES}),
    ("batches.why_not_booked", {"lines": LINES}),
    ("batches.release_lapsed_holds", {"takers": LINES, "actor": "tester"}),
    ("doctors.delete", {"id": 3}),
    ("stats.of_period", DAY),
    ("stats.by_doctor", DAY),
    ("stats.by_day", {**DAY, "timezone": "UTC"}),
]


@pytest.fixture(scope="module")
def book(server):
    """A connection to a book of some size."""
    name = f"booking_test_plans_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        address = make_conninfo(server, dbname=name)
        fill(address, SLOTS)
        with psycopg.connect(address, autocommit=True, options="-c search_path=booking") as connection:
            yield connection
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def scans(connection, name, parameters):
    """Return how a plan reads which tables: pairs of the way and the table."""
    plan = connection.execute(f"EXPLAIN (FORMAT JSON) {written_out(name, parameters)}").fetchone()[0]
    plan = plan if isinstance(plan, list) else json.loads(plan)
    found, nodes = set(), [entry["Plan"] for entry in plan]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if "Relation Name" in node:
            found.add((node["Node Type"], node["Relation Name"]))
    return found


def tables_read_whole(connection, name, parameters):
    """Return the big tables that a plan goes through from the first row to the last."""
    return {table for way, table in scans(connection, name, parameters) if way == "Seq Scan"} & BIG_TABLES


@pytest.mark.parametrize(("name", "parameters"), QUERIES, ids=[name for name, _ in QUERIES])
def test_what_somebody_waits_for_reads_no_big_table_whole(book, name, parameters):
    assert tables_read_whole(book, name, parameters) == set()


def test_a_table_that_is_read_whole_is_noticed(book):
    assert tables_read_whole(book, "stats.overall", {}) == {"bookings"}


def test_what_is_booked_for_months_ahead_is_stepped_over_without_the_tables(book):
    """Each of these slots costs a search in the index of bookings; to look at its rows as well takes several times as long."""
    next_free = {**NO_SLOT_FILTER, "specialization": "Oncology", "limit": 20}

    # The other scan of the slots is over the next ones of all doctors.
    assert {way for way, table in scans(book, "slots.next_free", next_free) if table == "bookings"} == {
        "Index Only Scan"
    }
    assert ("Index Only Scan", "slots") in scans(book, "slots.next_free", next_free)


def test_every_query_about_the_big_tables_is_asked_for_its_plan_unless_it_is_about_the_whole_book():
    small = {name for name in NAMES if name.split(".")[0] in ("clinic", "doctors", "db")}
    assert set(NAMES) - small - ABOUT_THE_WHOLE_BOOK - ABOUT_MANY_PATIENTS <= {name for name, _ in QUERIES}
