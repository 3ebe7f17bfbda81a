"""The checker on a real database: it reports what clients do after plain SQL has removed a guarantee."""

import pytest

from tests.chaos.checker import Contents, violations
from tests.chaos.clients import SessionClient
from tests.chaos.history import History
from tests.chaos.workers import send
from tests.chaos.workload import Request


def book(slot_id, name):
    options = {"patient_id": None, "patient_phone": None, "confirm": True, "hold_minutes": None, "allow_overlap": False}
    patient = {"patient_name": name, "patient_email": f"{name}@x.example"}
    return Request("book", {"slot_id": slot_id, "request_id": f"{name}-{slot_id}", **patient, **options})


@pytest.mark.parametrize(
    ("statement", "request_", "kinds"),
    [
        ("DROP INDEX bookings_one_active_per_slot", book(1, "bob"), {"double_booking"}),
        (
            "ALTER TABLE bookings DROP CONSTRAINT bookings_of_a_patient_never_overlap",
            book(5, "ANA"),
            {"patient_overlap"},
        ),
        ("DELETE FROM patients", Request("expire", {}), {"orphan"}),
        (
            "INSERT INTO patients (name, email, name_key, contact_key, registered_by) VALUES ('ANA', 'ana@X.example', '', '', '')",
            Request("expire", {}),
            {"registered_twice"},
        ),
        ("UPDATE doctors SET active = true", book(6, "bob"), {"inactive_doctor"}),
        ("SELECT", book(5, "ANA"), set()),
    ],
)
def test_missing_guarantee_is_noticed(slots, opened, url, sql, statement, request_, kinds):
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('B', 'x', 'b@x.example'), ('C', 'x', 'c@x.example')")
    # Slots 5 and 6, at the time of slot 1.
    sql(
        "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT d, starts_at, ends_at FROM slots, unnest('{2, 3}'::int[]) d WHERE id = 1"
    )
    before, history = Contents.read(url), History()
    client = SessionClient(opened, "tester", history)
    send("tester", client, [Request("update_doctor", {"doctor_id": 3, "active": False}), book(1, "ana")], history)
    sql(statement)
    send("tester", client, [request_], history)
    assert history.bugs == []
    assert {violation.kind for violation in violations(history.operations, Contents.read(url), before)} == kinds
