r"""The hostile ingredients: texts, numbers, dates, keys and settings that no friendly person would type.

Characters that cannot be seen are written as escapes, so that what is tried can be read here.
"""

from random import Random

# Names are data: none of these may take effect in the database, on a terminal or in a spreadsheet.
TEXTS = (
    "",
    " ",
    "\t\n",
    "'; DROP TABLE bookings; --",
    "' OR '1'='1",
    '"; DELETE FROM doctors; --',
    "1); UPDATE bookings SET status = 'CANCELLED'; --",
    "$$; SELECT pg_sleep(9); $$",
    "\\'; --",
    "/* */ UNION SELECT",
    "%s %(name)s %d %",
    "%%",
    "{} {0} {name} {0.__class__}",
    "${HOME} `id` $(id)",
    "[bold]loud[/bold]",
    "[link=http://evil.example]x[/link]",
    "[/]",
    "[red",
    ":smile:",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1",
    "@SUM(A1:A9)",
    "'=1",
    " =1+1",
    "\u00a0=1+1",
    "a,b;c\"d'e\\f",
    '"',
    "\0",
    "a\0b",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://evil.example\x07x\x1b]8;;\x07",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\nb",
    "a\rb",
    "a\tb",
    "\x08\x08\x08",
    "\x7f",
    "\x85",
    "a\u2028b\u2029c",
    "\ud800",
    "\udcff\udc80",
    "a\udcffb",
    "\ud83d\ude00",
    "\u202edeb\u202c",
    "\u2066\u2069\u200f\u200e\u061c",
    "\u200b\ufeff\u00ad",
    "\u200b",
    "A\u200dB\u200cC",
    "Z" + "\u0351\u0300" * 90,
    "\U0001f469\u200d\u2695\ufe0f",
    "\U0001f1e9\U0001f1ea",
    "\U000e0041\U000e007f",
    "\u0645\u062d\u0645\u062f",
    "\u05d3\u05d5\u05d3",
    "\u0130stanbul",
    "stra\u00dfe",
    "\u212aelvin",
    "\ufb01nal",
    "\u01c5",
    "\ufdfa" * 20,
    "\u0410\u0412\u0421",
    "Jose\u0301",
    "_",
    "%",
    "\\",
    "\\x1b \\u202e",
    "\uffff\ufffe",
    "\ue000",
    "nil",
    "None",
    "null",
    "NULL",
    "true",
    "__proto__",
    "../../../etc/passwd",
    "x" * 200,
    "x" * 201,
    "\u6f22" * 200,
    "x" * 500,
    "x" * 501,
)

OPTION_LIKE = (
    "-",
    "--",
    "---",
    "-o",
    "-ojson",
    "-otable",
    "-ocsv",
    "-o=json",
    "--output",
    "--output=",
    "--output=json",
    "--output=yaml",
    "--output=table",
    "--outpu",
    "--help",
    "-h",
    "-v",
    "-vvv",
    "-qo",
    "-x",
    "--reason",
    "--name=",
    "--no-such",
    "--limit=",
    "-1",
    "-\u0665",
    "@file",
    "--\x1b[31m",
    "--\u202e",
    "--\udcff",
    "--a\nb",
)

FORMS = (
    "table", "json", "ndjson", "csv",
    "JSON", " csv ", "xml", "", "js\u00f6n", "json\0", "\u212ajson", "ndj\u017fon", "j\u017fon", "c\u017fv", "json,csv",
    "\x1b[2J", "\udcff", "table\n",
)  # fmt: skip

NUMBERS = (
    "0", "-0", "00", "-1", "+1", "1.0", "1.", ".5", "1e3", "1E308", "1e308", "1e400", "nan", "NaN", "inf", "-inf", "Infinity",
    "0x10", "0b1", "0o7", "1_000", "1,000", "1 000", "1\u00a0000", "007", " 7 ", "7\n", "7\x1f", "\x1c7", "7\0", "\u0667",
    "\u0661\u0662", "\uff15", "\u00b2", "\u2167", "\u2460", "\u0be7", "\U0001d7d7", "1\u0660", "\u22121", "1/1", "\u00bd",
    "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "9223372036854775806",
    "18446744073709551616", "9" * 30, "9" * 31, "9" * 5000, "0" * 40 + "1", "1440", "1440.000001", "0.000001", "0.0000001",
    "4", "5", "480", "481", "200", "1 OR 1=1", "1;2", "(1)", "1%", "$1",
)  # fmt: skip

DATES = (
    "0000-01-01", "0001-01-01", "1999-12-31", "2000-01-01", "2000-02-29", "1900-02-29", "2100-02-29", "2028-02-29",
    "2027-02-29", "2199-12-31", "2200-01-01", "9999-12-31", "10000-01-01", "-0001-01-01", "+2027-01-01", "2027-13-01",
    "2027-00-10", "2027-01-00", "2027-1-1", "20270101", "2027-W01-1", "2027-001", "01.02.2027", "2027/01/01", "2027-01-01T00:00",
    "2027-01-01Z", "2027-06-30T23:59:60Z", "\u0662\u0660\u0662\u0667-\u0660\u0661-\u0660\u0661",
    "\uff12\uff10\uff12\uff17-\uff10\uff11-\uff10\uff11", "2027\u201001\u201001", "TODAY", " Today ", "ToMoRRoW", "toda\u00ff",
    "yesterday", "now", "infinity", "-infinity", "epoch", "+0d", "+1D", "+36600d", "+36601d", "+99999d", "+99999999999d", "-1d",
    "+-1d", "+ 1d", "+1.5d", "+\u0663d", "+d", "+1w", "mOn", "MONDAY", "\u212aon", "mo", "mond", "mondays", "fr\u0131", "\u017fat",
    "sat.", "2027-03-28", "2027-10-31", "0", "1750000000", "2027-01-01\0", "2027-01-01\n", "\x1b2027-01-01",
)  # fmt: skip

TIMES = (
    "24:00", "24:01", "00:60", "23:59", "00:00", "0:00", "7:5", "007:00", "25:00", "-1:00", "09:00:00", "09.00", "0900", "9am",
    "09:00 ", "\t09:00", "\u0660\u0669:\u0660\u0660", "\uff10\uff19:\uff10\uff10", "09\uff1a00", "09:0\u0660", "09:00\0", "noon",
    "02:30", "09:00+02:00", "99:99", "1_0:00", "1e1:00", "09:00\u202e",
)  # fmt: skip

BREAKS = (
    "12:00-12:00", "13:00-12:00", "12:00-13:00-14:00", "12:00", "-", "12:00-", "-13:00", "00:00-24:00", "00:00-24:01",
    "12:00\u201313:00", "12:00 - 13:00", "\u0661\u0662:\u0660\u0660-13:00", "12:00-13:00,14:00-15:00", "11:59-12:00",
)  # fmt: skip

DAYS = (
    "mon-", "-fri", "mon--fri", "mon-fri-sat", "fri-mon", "sun-sun", "mon,,tue", ",", "MON-FRI", "Mo", "0-4", "mon;tue",
    "mon," * 300 + "tue", "\u212aon", "\u017fat", "fr\u0131", "weekdays", "mon\u2013fri", " sat , sun ", "mon\0",
)  # fmt: skip

EMAILS = (
    "@", "a@", "@b.example", "a@b", "a@@b.example", "a b@c.example", "'; DROP TABLE doctors;--@x.example", "a'b@c.example",
    "=1+1@c.example", "+1@c.example", "-a@c.example", "A@C.EXAMPLE", "\u0130@clinic.example", "i\u0307@clinic.example",
    "\u0131@clinic.example", "stra\u00dfe@clinic.example", "STRASSE@clinic.example", "\u212aim@clinic.example",
    "\u212a@\u212a.example", "a@stra\u00dfe.example", "a@xn--strae-oqa.example", "a@xn--.example", "a@\u0440\u0430.example",
    "a@b.example\n", "a@b.example\0", "a\x1b@b.example", "a\u202e@b.example", "a\u200d@b.example", "a@b\u200d.example",
    "a@\udcff.example", "\udcff@b.example", '"a b"@c.example', "a@[127.0.0.1]", "a@127.0.0.1", "a..b@c.example",
    "%@c.example", "_@c.example", "a%00@c.example", "{0}@c.example", "[red]@c.example", "x" * 64 + "@c.example",
    "x" * 65 + "@c.example", "a@" + "b." * 120 + "example", "a@" + "b" * 64 + ".example", "a@c.example,d@e.example",
    "Ana <a@c.example>", "mailto:a@c.example", "a@localhost", "a@c.local", "a@\u3002example", "a@c\uff0eexample", "a\uff20c.example",
    "jose\u0301@c.example", "\u6f22@\u6f22.example", "a@" + "\u0300" * 90 + ".example", "@" * 5000, "a@" + "x." * 50_000 + "y",
)  # fmt: skip

PHONES = (
    "12", "112", "+" * 25, "(" * 24 + "1", "1" * 25, "1" * 26, "+1 555x", "=1+1", "@1-1", "-1+1", "\u0661\u0662\u0663\u0664",
    "\uff11\uff12\uff13", "555\u20130100", "555\t0100", "555\n0100", "+1-555\0", "()()()", "x" * 20, "\u00b9\u00b2\u00b3",
)  # fmt: skip

ZONES = (
    "../../etc/passwd", "/etc/localtime", "Europe/Berlin\0", "Europe/../Europe/Berlin", "europe/berlin", "EUROPE/BERLIN",
    "Europe/Berlin ", "Europe", "", ".", "..", "posix/UTC", "right/UTC", "localtime", "Factory", "posixrules", "UTC+3", "<A>5",
    "UTC'; --", "Etc/GMT+12", "Pacific/Kiritimati", "Pacific/Apia", "Asia/Kathmandu", "Africa/Monrovia", "America/St_Johns",
    "Europe/Dublin", "Antarctica/Troll", "Australia/Lord_Howe", "America/Nuuk", "EST5EDT", "GMT0", "Zulu", "\u0130stanbul",
    "Europe\\Berlin", "C:\\Windows", "Europe/Berlin\n", "Europe/\udcff", "tzdata.zi", "zone.tab", "leapseconds", "US/Pacific-New",
    "A" * 300, "A/" * 5000,
)  # fmt: skip

KEYS = (
    "same",
    "SAME",
    "same ",
    "\u0455ame",
    "request-1",
    "'; --",
    "%",
    "0",
    "\u200b",
    "x" * 200,
    "x" * 201,
    "same\0",
    "\x1b[31m",
)

REFERENCES = (
    "K7QF-2M9T", "K7QF2M9T", "k7qf-2m9t", "\u212a7QF-2M9T", "\u041a7QF-2M9T", "K7QF\u20112M9T", "K7QF\u20132M9T", "K7QF--2M9T", "K7QF 2M9T",
    "OOOO-OOOO", "0000-0000", "1111-1111", "IIII-LLLL", "K7QF-2M9", "K7QF-2M9TT", "12345678", "1234-5678", "--------", "########",
    "K7QF-2M9T\0", "\uff2b7QF-2M9T", "K7QF-2M9T'--", "%", "________", "????-????",
)  # fmt: skip

PATHS = (
    "", ".", "/", "-", "--", "missing", "missing/wishes.csv", "/dev/null", "/dev/zero", "/dev/full", "/dev/stdin", "/proc/self/mem",
    "/etc/shadow", "~/wishes.csv", "wishes\0.csv", "\udcff.csv", "\x1b[31m.csv", "a/" * 3000, "x" * 300, "http://x.example/wishes.csv",
)  # fmt: skip

BY_KIND = {
    "FILE": PATHS,
    "DATE": DATES,
    "TIME": TIMES,
    "FROM-TO": BREAKS,
    "DAYS": DAYS,
    "EMAIL": EMAILS,
    "PHONE": PHONES,
    "ZONE": ZONES,
    "KEY": KEYS,
    "N": NUMBERS,
    "SLOT": NUMBERS,
    "MINUTES": NUMBERS,
    "DOCTOR": NUMBERS + EMAILS,
    "BOOKING": REFERENCES + NUMBERS,
    "FORM": FORMS,
    "CHOICE": (
        "",
        "ALL",
        "\u212a",
        "confirm",
        "CONF\u0130RMED",
        "confirmed\0",
        "d\u0430y",
        "day ",
        "free,held",
        "PENDING'--",
        "\udcff",
    ),
}

_STRANGE_CHARACTERS = "\0\x07\x1b\x7f\x85\x9b\t\n\r'\"%\\{}[]=-+@,\u00a0\u00ad\u0301\u061c\u200b\u200d\u200e\u202e\u2028\u2066\ufeff\ud800\udcff\U0001f469"
_LOOK_ALIKES = {
    "1": "\u0131", "S": "\u017f", "s": "\u017f", "K": "\u212a", "k": "\u212a", "i": "\u0130", "A": "\u0410", "B": "\u0412",
    "C": "\u0421", "E": "\u0395", "H": "\u041d", "M": "\u039c", "P": "\u0420", "T": "\u0422", "X": "\u03a7", "a": "\u0430",
    "e": "\u0435", "o": "\u043e", "-": "\u2011", ".": "\uff0e", "@": "\uff20", "2": "\uff12", "3": "\u0417", " ": "\u00a0",
}  # fmt: skip
_DIGITS = ("\u0660", "\u0966", "\uff10", "\U0001d7ce", "\u17e0")


def hostile(kind: str, near: str, rng: Random) -> str:
    """Return something hostile where a value of `kind` is due, such as the valid value `near`."""
    chance = rng.random()
    if chance < 0.40:
        return rng.choice(BY_KIND.get(kind, TEXTS))
    if chance < 0.60:
        return rng.choice(TEXTS)
    if chance < 0.70:
        return _look_alike(near, rng)
    if chance < 0.85:
        return _spoiled(near, rng)
    if chance < 0.93:
        return rng.choice(OPTION_LIKE)
    if chance < 0.98:
        return "".join(_any_character(rng) for _ in range(rng.randint(1, 40)))
    return _long(near, rng)


def _look_alike(text: str, rng: Random) -> str:
    """Return what looks like `text`, becomes it in another case, or matches it as a pattern."""
    if "@" in text and rng.random() < 0.6:
        place = rng.randrange(len(text.partition("@")[0]) or 1)
        return text[:place] + rng.choice("_%") + text[place + 1 :]
    replaced = rng.choice(sorted(set(text) & _LOOK_ALIKES.keys()) or [""])
    return text.replace(replaced, _LOOK_ALIKES[replaced]) if replaced else text


def _spoiled(text: str, rng: Random) -> str:
    """Return `text` with one thing wrong."""
    place = rng.randint(0, len(text))
    match rng.randrange(6):
        case 0:
            return text[:place] + rng.choice(_STRANGE_CHARACTERS) + text[place:]
        case 1:
            zero = ord(rng.choice(_DIGITS))
            return "".join(chr(zero + int(c)) if c in "0123456789" else c for c in text)
        case 2:
            return rng.choice((text.upper(), text.lower(), text.swapcase(), text.title()))
        case 3:
            return (
                rng.choice((" ", "\t", "\n", "\u00a0", "\u3000", "\x1f")) + text + rng.choice((" ", "\n", "\u2003", ""))
            )
        case 4:
            return text[:place] + text[place + 1 :]
        case _:
            return text + text


def _long(near: str, rng: Random) -> str:
    unit = rng.choice(("x", "9", "\u6f22", "\u0301", "\x1b[31m", "%s", "a@", "-", "mon,", "\udcff", near or "x"))
    return unit * (rng.choice((1_000, 100_000, 1_000_000)) // len(unit))


def _any_character(rng: Random) -> str:
    top = rng.choice((0x20, 0x80, 0x100, 0x800, 0x3000, 0x10000, 0x110000))
    return chr(rng.randrange(top))
