"""What Hypothesis types into the book: few people, days and times, so that they meet often, and mistakes of every kind."""

import datetime as dt

from hypothesis import strategies as st

MONDAY, LONG_AGO = dt.date(2190, 1, 4), dt.date(2020, 1, 6)  # both Mondays, and the clock of no server is near either
DATES = [MONDAY + dt.timedelta(days=number) for number in range(3)]
WEEKDAYS = {"mon": {0}, "mon-tue": {0, 1}, "wed,mon": {0, 2}, "sat-sun": {5, 6}, "fri-mon": {4, 5, 6, 0}}
UNKNOWN, UNKNOWN_REFERENCE = 4711, "K7QF-2M9T"
ADDRESSES = ["ana@clinic.example", "ANA@Clinic.Example", "bo@clinic.example", "cleo@clinic.example"]
PHONES = ["+1-555-0100", "030 (12) 34"]
PATIENTS = [
    ("Maria Silva", "maria@mail.example"),
    (" MARIA silva", "Maria@MAIL.example "),
    ("Tom Silva", "maria@mail.example"),
    ("Tom Silva", "tom@mail.example"),
]
ALL_ROWS = 200  # what --limit is unless it is given

_DOCTOR = ("--specialization", "Skin", "--email", "dora@clinic.example")
_PATIENT = ("--name", "Maria", "--email", "maria@mail.example")
_BULK = ("slots", "bulk", 1, "--from", MONDAY, "--start", "11:00")
MISTAKES = [
    ("usage", ("doctors", "add", " ", *_DOCTOR)),
    ("usage", ("doctors", "add", "Dora", *_DOCTOR, "--email", "dora")),
    ("usage", ("doctors", "add", "Dora", *_DOCTOR, "--phone", "call me")),
    ("usage", ("doctors", "update", 1, "--name", "Do\nra")),
    ("usage", ("doctors", "update", 1, "--name", "Dora", "--if-version", 0)),
    ("usage", ("doctors", "delete", "Ana")),
    ("usage", ("slots", "add", 1, MONDAY, "24:00")),
    ("usage", ("slots", "add", 1, "2190-02-29", "11:00")),
    ("usage", ("slots", "add", 1, MONDAY, "11:00", "--minutes", 4)),
    ("usage", (*_BULK, "--end", "24:01")),
    ("usage", (*_BULK, "--end", "13:00", "--break", "12:00-12:00")),
    ("usage", (*_BULK, "--end", "13:00", "--days", "someday")),
    ("usage", ("slots", "delete", "0")),
    ("usage", ("slots", "list", "--limit", 0)),
    ("invalid_input", ("slots", "list", "--date", MONDAY, "--to", MONDAY)),
    ("usage", ("book", 1, *_PATIENT, "--email", "maria@mail")),
    ("usage", ("book", 1, "--name", "Maria")),
    ("usage", ("book", "1st", *_PATIENT)),
    ("usage", ("book", 1, *_PATIENT, "--hold", 0)),
    ("usage", ("book", 1, *_PATIENT, "--hold", "1440.1")),
    ("usage", ("book", 1, *_PATIENT, "--hold", "a while")),
    ("usage", ("book", 1, *_PATIENT, "--request-id", "")),
    ("usage", ("confirm", 10**20)),
    ("usage", ("cancel", 1, "--reason", " ")),
    ("usage", ("list", "--status", "LOST")),
    ("usage", ("unbook", 1)),
]


def chosen(choices):
    """One of what `choices` finds in the machine as it is when the rule runs."""
    return st.runner().flatmap(lambda machine: st.sampled_from(choices(machine)))


# What has been deleted is chosen as well, and what is in use more often.
doctors = chosen(lambda machine: [*machine.ever["doctors"], *machine.ever["doctors"], *ADDRESSES, UNKNOWN])
slots = chosen(lambda machine: [*machine.ever["slots"], *machine.taken(), UNKNOWN])
bookings = chosen(lambda machine: [*machine.ever["bookings"], *machine.waiting(), UNKNOWN])
holds = chosen(lambda machine: machine.holds() or [UNKNOWN])
changes = chosen(lambda machine: machine.repeatable() or machine.ever["booking_history"])
spellings = st.sampled_from(["number", "reference", "small letters", "number", "reference", "misheard"])

flags = st.booleans()
rarely = st.sampled_from([False, False, False, True])
names = st.sampled_from(["Ana Lima", "Bo Berg", " Zoë d'Été "])
specializations = st.sampled_from(["Skin", "SKIN", "Heart and lungs"])
addresses = st.sampled_from(ADDRESSES)
patients = st.sampled_from(PATIENTS)
changes_of_a_doctor = st.sampled_from(
    [
        {"name": " Zoë d'Été "},
        {"name": "Bo Berg", "specialization": "Heart and lungs"},
        {"email": ADDRESSES[1]},
        {"email": ADDRESSES[2], "phone": PHONES[1]},
        {"email": ADDRESSES[3], "active": True},
        {"phone": ""},
        {"phone": "", "name": "Ana Lima"},
        {"phone": PHONES[0], "active": False},
        {},
    ]
)

dates = st.sampled_from([*DATES, *DATES, LONG_AGO])
periods = st.tuples(st.none() | dates, st.none() | dates)
times = st.sampled_from([9 * 60, 9 * 60 + 20, 10 * 60, 23 * 60 + 45])
lengths = st.sampled_from([20, 30, 45, 480])
hours = st.sampled_from([(540, 630), (540, 660), (550, 660), (0, 60), (540, 660), (1380, 1440), (600, 540)])
breaks = st.lists(st.sampled_from([(570, 600), (555, 580), (590, 610), (0, 545)]), max_size=2)
weekdays = st.none() | st.sampled_from(list(WEEKDAYS))

ways_to_book = st.sampled_from(
    [(False, None), (True, None), (False, 60), (False, 719.5), (True, None), (False, None), (True, 60)]
)
request_ids = st.none() | st.sampled_from(["call-1", "call-2"])
reasons = st.none() | st.sampled_from(["has a cold", " moved away "])
limits = st.sampled_from([ALL_ROWS, ALL_ROWS, ALL_ROWS, 1, 2])
