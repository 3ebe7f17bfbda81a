"""`booking verify`: a guard of the book that is missing, or that does not guard, is found before it does harm."""

import pytest

GUARDS = {
    "bookings_one_active_per_slot": "DROP INDEX {}",
    "bookings_reference_is_unique": "DROP INDEX {}",
    "bookings_request_happens_once": "DROP INDEX {}",
    "doctors_email_is_unique": "DROP INDEX {}",
    "slots_of_a_doctor_never_overlap": "ALTER TABLE slots DROP CONSTRAINT {}",
    "slots_belong_to_a_doctor": "ALTER TABLE slots DROP CONSTRAINT {}",
    "bookings_are_for_a_slot": "ALTER TABLE bookings DROP CONSTRAINT {}",
    "bookings_have_a_known_status": "ALTER TABLE bookings DROP CONSTRAINT {}",
    "bookings_have_the_timestamps_of_their_status": "ALTER TABLE bookings DROP CONSTRAINT {}",
}


@pytest.mark.parametrize("guard", GUARDS)
def test_a_missing_guard_is_found_before_it_does_harm(booking, sql, guard):
    sql(GUARDS[guard].format(guard))

    ran = booking("verify", "-o", "json")

    assert (ran.status, ran.error["code"]) == (4, "promise_broken")
    assert [found["check"] for found in ran.json] == ["guards_are_in_place"]
    assert ran.json[0]["message"].startswith(f"{guard} is missing")


@pytest.mark.parametrize(
    ("guard", "imitation"),
    [
        (
            "bookings_one_active_per_slot",
            "CREATE INDEX {} ON bookings (slot_id) WHERE status IN ('PENDING', 'CONFIRMED')",
        ),
        (
            "bookings_are_for_a_slot",
            "ALTER TABLE bookings ADD CONSTRAINT {} FOREIGN KEY (slot_id) REFERENCES slots (id) NOT VALID",
        ),
        (
            "bookings_one_active_per_slot",
            "CREATE TABLE other (slot_id bigint, status text);"
            "CREATE UNIQUE INDEX {} ON other (slot_id) WHERE status IN ('PENDING', 'CONFIRMED')",
        ),
        ("bookings_have_a_known_status", "ALTER TABLE bookings ADD CONSTRAINT {} CHECK (true)"),
        ("bookings_have_the_timestamps_of_their_status", "ALTER TABLE bookings ADD CONSTRAINT {} CHECK (true)"),
        (
            "slots_of_a_doctor_never_overlap",
            "ALTER TABLE slots ADD CONSTRAINT {} EXCLUDE USING gist "
            "(doctor_id WITH =, tstzrange(starts_at, ends_at) WITH =)",
        ),
        (
            "slots_of_a_doctor_never_overlap",
            "ALTER TABLE slots ADD CONSTRAINT {} EXCLUDE USING gist "
            "(doctor_id WITH =, tstzrange(starts_at, ends_at) WITH &&) DEFERRABLE INITIALLY DEFERRED",
        ),
    ],
    ids=["not unique", "not checked", "elsewhere", "any status", "any timestamps", "other overlap", "too late"],
)
def test_a_guard_that_is_there_but_does_not_guard_is_found(booking, sql, guard, imitation):
    sql(GUARDS[guard].format(guard))
    sql(imitation.format(guard))

    ran = booking("verify", "-o", "json")

    assert ran.status == 4
    assert [found["check"] for found in ran.json] == ["guards_are_in_place"]
    assert guard in ran.json[0]["message"]
