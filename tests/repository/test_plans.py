"""In a large database, no query of a command that an operator waits for reads a whole table: its plan is checked."""

import datetime as dt
import json
import os

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from booking_cli.db import queries
from tests.bench.fixtures import fill
from tests.bench.raw_sql import with_literals

SLOTS = 100_000
LARGE_TABLES = {"slots", "patients", "bookings", "booking_history"}
NOW = dt.datetime.now(dt.UTC)
TOMORROW = NOW + dt.timedelta(days=1)
DAY = {"starts_from": NOW, "starts_before": TOMORROW}
FROM_NOW = {"starts_from": NOW, "starts_before": None}
FREE_SLOTS = {"doctor_id": None, "specialization": None, "status": "free", "limit": 200, **FROM_NOW}
ANY_BOOKING = {
    "doctor_id": None,
    "contact_key": None,
    "statuses": None,
    "limit": 200,
    "starts_from": None,
    "starts_before": None,
}
BY_NUMBER = {"id": 7, "reference": None}
BY_REFERENCE = {"id": None, "reference": "K7QF-2M9T"}
CHANGE = {"request_id": "r-1", "actor": "tester"}
NEW_SLOTS = {"doctor_id": 3, "minutes": 30, "epochs": [int(TOMORROW.timestamp()) + 1800 * n for n in range(16)]}
ANY_PATIENT = {"id": None, "contact_key": None, "phone_digits": None, "limit": 6}
KEY = {"name_key": "patient 7", "contact_key": "patient7@example.org"}
PATIENT = {"id": 7, "name": "Patient 7", "email": "patient7@example.org", "phone": None, "note": None, **KEY}
FORMER = {"former_id": 7, "former_name_key": "patient 7", "former_contact_key": "patient7@example.org"}
PATIENT_CHANGE = {**PATIENT, **FORMER, "actor": "tester", "change": "updated", "details": ""}
# The planner expects the same number of requests, however many there are.
REQUEST = {"line": 2, "slot_id": 7, "name": "Pat", "email": "pat@x.de", "name_key": "pat", "contact_key": "pat@x.de"}
REQUESTS = {"requests": json.dumps([REQUEST]), "actor": "tester"}
QUERIES = [
    ("slots.find", {"id": 7}),
    ("slots.list_free", FREE_SLOTS),
    ("slots.list_free", {**FREE_SLOTS, "doctor_id": 3, **DAY}),
    ("slots.list_free", {**FREE_SLOTS, "doctor_id": 3}),
    ("slots.list", {**FREE_SLOTS, "status": "all"}),
    ("slots.list", {**FREE_SLOTS, "status": "booked", "doctor_id": 3}),
    ("slots.list", {**FREE_SLOTS, "status": "all", **DAY}),
    ("slots.next_free", {**FREE_SLOTS, "specialization": "Cardiology", "limit": 20}),
    ("slots.next_free", {**FREE_SLOTS, "specialization": "Oncology", "limit": 20}),
    ("slots.add", NEW_SLOTS),
    ("slots.preview", NEW_SLOTS),
    ("slots.find_overlap", {"doctor_id": 3, "minutes": 30, "starts_at": TOMORROW}),
    ("slots.delete", {"id": 7}),
    ("slots.count_bookings", {"id": 7}),
    ("bookings.find", BY_NUMBER),
    ("bookings.find", BY_REFERENCE),
    ("bookings.list", ANY_BOOKING),
    ("bookings.list", {**ANY_BOOKING, **DAY}),
    ("bookings.list", {**ANY_BOOKING, "contact_key": "patient7@example.org"}),
    ("bookings.list", {**ANY_BOOKING, "doctor_id": 3, **FROM_NOW}),
    ("bookings.find_by_request", {"request_ids": ["r-1", "r-2"]}),
    ("bookings.find_change", {**BY_NUMBER, "status": "CONFIRMED", "request_id": "r-1"}),
    ("bookings.find_change", {**BY_REFERENCE, "status": "CANCELLED", "request_id": "r-1"}),
    ("bookings.book", REQUESTS),
    ("bookings.explain_rejections", REQUESTS),
    ("bookings.release_lapsed_holds", {**CHANGE, "ids": [7, 8]}),
    ("bookings.confirm", {**BY_NUMBER, **CHANGE}),
    ("bookings.confirm", {**BY_REFERENCE, **CHANGE}),
    ("bookings.cancel", {**BY_NUMBER, **CHANGE, "reason": None}),
    ("bookings.cancel", {**BY_REFERENCE, **CHANGE, "reason": None}),
    ("bookings.lock_lapsed_holds", {"batch": 1000}),
    ("bookings.history", {"id": 7}),
    ("patients.find", {**ANY_PATIENT, "id": 7}),
    ("patients.find", {**ANY_PATIENT, "contact_key": "patient7@example.org"}),
    ("patients.find", {**ANY_PATIENT, "id": 4_930_000_008, "phone_digits": "4930000008"}),
    ("patients.find", {**ANY_PATIENT, "contact_key": "patient7@example.org", "limit": None}),
    ("patients.bookings", {"id": 7, "coming": True}),
    ("patients.bookings", {"id": 7, "coming": False}),
    ("patients.add", PATIENT_CHANGE),
    ("patients.find_by_key", KEY),
    ("patients.update", PATIENT_CHANGE),
    ("patients.move_bookings", {"id": 7, "into_id": 8}),
    ("patients.find_overlap", {"id": 7, "into_id": 8}),
    ("patients.delete", {"id": 7}),
    ("patients.delete_unused", {"ids": [7, 8]}),
    ("patients.history", {"id": 7}),
    ("doctors.delete", {"id": 3}),
    ("stats.of_period", DAY),
    ("stats.by_doctor", DAY),
    ("stats.by_day", {**DAY, "timezone": "UTC"}),
]
SMALL_BOOK = [
    "INSERT INTO doctors (name, specialization, email) SELECT n, 'X', n FROM generate_series(1, 50) n",
    "INSERT INTO slots (doctor_id, starts_at, ends_at)"
    " SELECT 1, now() + n * interval '1 hour', now() + n * interval '1 hour' + interval '20 minutes'"
    " FROM generate_series(1, 300) n",
    "INSERT INTO patients (name, email, name_key, contact_key, registered_by)"
    " SELECT n, n, n, n, 'tester' FROM generate_series(1, 300) n",
    "ANALYZE",
]


@pytest.fixture(scope="module")
def connection(server):
    """A connection to a large database."""
    name = f"booking_test_plans_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        address = make_conninfo(server, dbname=name)
        fill(address, SLOTS)
        with psycopg.connect(address, autocommit=True, options="-c search_path=booking") as connection:
            yield connection
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def plan_nodes(connection, name, parameters):
    [[plan]] = connection.execute(f"EXPLAIN (FORMAT JSON) {with_literals(name, parameters)}").fetchall()
    nodes = [plan[0]["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return nodes


def scans(connection, name, parameters):
    """Return which tables a query reads, and how: pairs of the kind of scan and the table."""
    nodes = plan_nodes(connection, name, parameters)
    return {(node["Node Type"], node["Relation Name"]) for node in nodes if "Relation Name" in node}


def tables_read_whole(connection, name, parameters):
    return {table for kind, table in scans(connection, name, parameters) if kind == "Seq Scan"} & LARGE_TABLES


@pytest.mark.parametrize(("name", "parameters"), QUERIES, ids=[name for name, _ in QUERIES])
def test_query_reads_no_large_table_whole(connection, name, parameters):
    assert tables_read_whole(connection, name, parameters) == set()


def test_booking_in_a_small_book_reads_no_table_whole(url):
    """It would conflict with every other booking."""
    with psycopg.connect(url, autocommit=True, options="-c search_path=booking -c enable_seqscan=off") as connection:
        for statement in SMALL_BOOK:
            connection.execute(statement)
        nodes = plan_nodes(connection, "bookings.book", REQUESTS)
    assert {
        node.get("Relation Name") for node in nodes if "Index Cond" not in node and "Operation" not in node
    } & LARGE_TABLES == set()


def test_search_for_patients_reads_no_other_large_table_whole(connection):
    parameters = {"search": "pat", "search_digits": "", "limit": 200}
    assert tables_read_whole(connection, "patients.list", parameters) <= {"patients"}


def test_report_over_all_bookings_is_recognized_as_reading_them_whole(connection):
    assert tables_read_whole(connection, "stats.overall", {}) == {"bookings"}


@pytest.mark.parametrize("name", ["bookings.book", "bookings.explain_rejections"])
def test_chunk_of_an_import_is_not_compared_row_by_row_with_itself(connection, name):
    """A nested loop over two CTEs compares each of 2,000 rows with each: millions of comparisons in every chunk."""
    nodes = plan_nodes(connection, name, REQUESTS)
    loops = [node["Plans"] for node in nodes if node["Node Type"] == "Nested Loop"]
    assert [plans for plans in loops if {plan["Node Type"] for plan in plans} == {"CTE Scan"}] == []


def test_next_free_slot_of_a_fully_booked_specialization_is_found_in_indexes_alone(connection):
    """Each taken slot costs a search in the index of bookings; reading its row as well takes several times as long."""
    found = scans(connection, "slots.next_free", {**FREE_SLOTS, "specialization": "Oncology", "limit": 20})
    assert {kind for kind, table in found if table == "bookings"} == {"Index Only Scan"}
    # The other scan of the slots is over the next ones of all doctors.
    assert ("Index Only Scan", "slots") in found


def test_every_query_of_large_tables_is_checked():
    """Other files are about small tables, or, like verify and db, read all tables and have longer timeouts."""
    files = {file.stem for file in (queries.sql_folder() / "queries").glob("*.sql")}
    files -= {"clinic", "db", "doctors", "verify"}
    names = {f"{file}.{name}" for file in files for name in queries.statements(file)}
    assert names - {"stats.overall", "patients.list"} <= {name for name, _ in QUERIES}
