"""Every command of the program, in forms that succeed on the data of the fixture `day`, alone and in this order."""

from booking_cli.cli.lazy_group import COMMANDS, load

READS = """
    doctors list
    doctors show 1
    slots list
    slots show 1
    slots bulk 1 --from +9d --start 09:00 --end 10:00 --dry-run
    patients list
    patients show 1
    patients history 1
    show 1
    list
    history 1
    stats
    stats --by doctor
    verify
    clinic show"""
READS_OF_THE_DATABASE = """
    db status
    db url
    db migrate --dry-run"""
WRITES = """
    doctors add Cleo --specialization x --email cleo@x.de
    doctors update 1 --name Anna
    doctors delete 2
    slots add 1 +8d 09:00
    slots bulk 1 --from +9d --start 09:00 --end 10:00
    slots delete 6
    patients add Eva --phone 5550123
    patients update 1 --note Wheelchair
    patients merge 3 2
    book 4 --name Ida --email ida@x.de
    book 5 --name Ida --phone 5550123 --confirm
    book 7 --patient 1 --allow-overlap
    book 3 --name Ida --email ida@x.de
    book --from rows.csv
    book --from atomic.csv --atomic
    confirm 1
    cancel 2 --reason flu
    expire
    clinic set --timezone Europe/Berlin"""
ADMINISTRATION = """
    db migrate
    db grant reader
    db grant operator"""
EMBEDDED_SERVER = """
    db start
    db stop"""
FILES = {
    "rows.csv": "slot_id,name,email\n8,Ida,ida@x.de\n9,Max,max@x.de\n",
    "atomic.csv": "slot_id,name,email\n10,Ida,ida@x.de\n11,Max,max@x.de\n",
}


def listed(text):
    """Return the lines of a list, without indentation."""
    return [line.strip() for line in text.strip().splitlines()]


def paths():
    """Return the words that select each command, such as `slots add`."""
    for name in COMMANDS:
        yield from [f"{name} {verb}" for verb in getattr(load(name), "commands", ())] or [name]
