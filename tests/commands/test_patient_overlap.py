"""A patient has no two active bookings at overlapping times, unless `--allow-overlap` is given."""

import pytest

PATIENT = ("--name", "Maria Silva", "--email", "maria@example.org")


@pytest.fixture
def slot(sql):
    """Makes a slot in a week, `slot("09:00", minutes=60)`, each of a doctor of its own."""

    def make(time, minutes=30):
        sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana Lima', 'x', gen_random_uuid() || '@x.de')")
        made = sql(
            "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT d.id, t, t + %s * interval '1 minute' FROM doctors d, "
            "LATERAL (SELECT date_trunc('day', now(), 'UTC') + interval '7 days' + %s::interval AS t) AS time "
            "ORDER BY d.id DESC LIMIT 1 RETURNING id",
            *(minutes, time),
        )
        return made[0]["id"]

    return make


@pytest.mark.parametrize("options", [(), ("--confirm",)])
def test_overlapping_booking_is_refused_with_the_other_one(booking, sql, slot, contents, options):
    sql("UPDATE clinic SET timezone = 'Asia/Kolkata'")
    made = booking("book", slot("09:00"), *PATIENT, *options, "-o", "json").json
    other = slot("09:15")
    before = contents()
    ran = booking("book", other, *PATIENT, "-o", "json")
    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "patient_overlap")
    for words in (f"{made['reference']} ({made['status']})", "Ana Lima", f"{made['date']} 14:30", "--allow-overlap"):
        assert words in ran.error["message"]
    assert contents() == before


@pytest.mark.parametrize("patient", ["Pedro Silva maria@example.org", "Maria Silva other@example.org"])
def test_overlapping_booking_of_another_patient_is_accepted(booking, slot, patient):
    booking("book", slot("09:00"), *PATIENT, "--confirm")
    name, _, email = patient.rpartition(" ")
    assert booking("book", slot("09:00"), "--name", name, "--email", email).status == 0


@pytest.mark.parametrize(
    ("time", "minutes", "overlaps"),
    [
        ("08:45", 30, True),
        ("09:15", 30, True),
        ("09:00", 30, True),
        ("09:10", 5, True),
        ("08:00", 180, True),
        ("08:30", 30, False),
        ("09:30", 30, False),
    ],
    ids=["start", "end", "same time", "within", "around", "right before", "right after"],
)
def test_bookings_overlap_where_they_share_a_minute(booking, slot, time, minutes, overlaps):
    booking("book", slot("09:00"), *PATIENT)
    assert booking("book", slot(time, minutes), *PATIENT).status == (4 if overlaps else 0)


def test_allow_overlap_books_at_an_overlapping_time_but_not_a_taken_slot(booking, slot):
    taken = slot("09:00")
    booking("book", taken, *PATIENT)
    assert booking("book", slot("09:15"), *PATIENT, "--allow-overlap", "-o", "json").json["status"] == "PENDING"
    assert booking("book", taken, *PATIENT, "--allow-overlap", "-o", "json").error["code"] == "slot_taken"


def test_refused_overlap_leaves_a_lapsed_hold_on_the_slot_as_it_is(booking, sql, slot, contents):
    wanted = slot("09:15")
    booking("book", wanted, "--name", "Tom Berg", "--email", "tom@example.org")
    sql("UPDATE bookings SET hold_expires_at = now()")
    booking("book", slot("09:00"), *PATIENT)
    before = contents()
    assert booking("book", wanted, *PATIENT).status == 4
    assert contents() == before
