"""`booking verify` finds a constraint or unique index that is missing or altered, before the data violates it."""

import pytest

INDEXES = [
    "bookings_one_active_per_slot",
    "bookings_reference_is_unique",
    "bookings_request_happens_once",
    "doctors_email_is_unique",
    "patients_are_registered_once",
]
CONSTRAINTS = {
    "slots_of_a_doctor_never_overlap": "slots",
    "slots_belong_to_a_doctor": "slots",
    "bookings_of_a_patient_never_overlap": "bookings",
    "bookings_are_for_a_slot": "bookings",
    "bookings_that_failed_were_not_confirmed_or_cancelled": "bookings",
    "bookings_have_the_status_of_their_timestamps": "bookings",
}
ACTIVE = "status IN ('PENDING', 'CONFIRMED')"
DOCTOR_OVERLAP = "EXCLUDE USING gist (doctor_id WITH =, tstzrange(starts_at, ends_at) WITH &&)"
PATIENT_OVERLAP = "EXCLUDE USING gist (patient_id WITH =, tstzrange(starts_at, ends_at) WITH &&)"


@pytest.fixture
def found(booking):
    """Returns the messages about constraints, which are the only violations."""

    def verify():
        ran = booking("verify", "-o", "json")
        assert (ran.status, ran.error["code"]) == (4, "promise_broken")
        assert {violation["check"] for violation in ran.json} == {"constraints_are_in_place"}
        return [violation["message"] for violation in ran.json]

    return verify


def drop(sql, name):
    sql(f"ALTER TABLE {CONSTRAINTS[name]} DROP CONSTRAINT {name}" if name in CONSTRAINTS else f"DROP INDEX {name}")


@pytest.mark.parametrize("name", [*INDEXES, *CONSTRAINTS])
def test_a_missing_constraint_is_found(found, sql, name):
    drop(sql, name)
    [message] = found()
    assert name in message


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("bookings_one_active_per_slot", f"INDEX {{}} ON bookings (slot_id) WHERE {ACTIVE}"),
        ("bookings_one_active_per_slot", "UNIQUE INDEX {} ON bookings (slot_id) WHERE status = 'CONFIRMED'"),
        ("patients_are_registered_once", "INDEX {} ON patients (contact_key, name_key)"),
        ("patients_are_registered_once", "UNIQUE INDEX {} ON patients (contact_key, name_key, id)"),
        ("patients_are_registered_once", "UNIQUE INDEX {} ON patients (contact_key, name_key) WHERE version > 1"),
        ("patients_are_registered_once", "UNIQUE INDEX {} ON other (contact_key, name_key)"),
        ("bookings_are_for_a_slot", "FOREIGN KEY (slot_id) REFERENCES slots (id) NOT VALID"),
        ("bookings_that_failed_were_not_confirmed_or_cancelled", "CHECK (true)"),
        ("bookings_have_the_status_of_their_timestamps", "CHECK (true)"),
        ("slots_of_a_doctor_never_overlap", DOCTOR_OVERLAP.replace("&&", "=")),
        ("slots_of_a_doctor_never_overlap", f"{DOCTOR_OVERLAP} DEFERRABLE INITIALLY DEFERRED"),
        (
            "bookings_of_a_patient_never_overlap",
            f"{PATIENT_OVERLAP} WHERE (status = 'CONFIRMED' AND NOT overlap_allowed)",
        ),
        ("bookings_of_a_patient_never_overlap", f"{PATIENT_OVERLAP} WHERE ({ACTIVE} AND overlap_allowed)"),
        ("bookings_of_a_patient_never_overlap", f"{PATIENT_OVERLAP} WHERE ({ACTIVE})"),
        (
            "bookings_of_a_patient_never_overlap",
            f"{PATIENT_OVERLAP.replace('patient_id', 'slot_id')} WHERE ({ACTIVE} AND NOT overlap_allowed)",
        ),
    ],
)
def test_an_altered_constraint_is_found(found, sql, name, definition):
    drop(sql, name)
    sql("CREATE TABLE other (contact_key text, name_key text)")
    altered = f"ALTER TABLE {CONSTRAINTS[name]} ADD CONSTRAINT {{}} {definition}" if name in CONSTRAINTS else None
    sql((altered or f"CREATE {definition}").format(name))
    [message] = found()
    assert name in message


def test_constraints_are_recognized_whatever_the_session_writes_them_like(booking):
    ran = booking("verify", PGOPTIONS="-c standard_conforming_strings=off -c quote_all_identifiers=on")
    assert ran.status == 0, ran.stderr
