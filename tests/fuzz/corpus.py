r"""The corpus of hostile values, and mutations of valid ones. Invisible characters are written as escapes."""

from random import Random

# None of these may take effect in the database, on a terminal or in a spreadsheet.
TEXTS = (
    "", " ", "\t\n", "'; DROP TABLE bookings; --", "$$; SELECT pg_sleep(9); $$", "%s %(name)s %d %",
    "{} {0} {0.__class__}", "${HOME} `id` $(id)",
    "[bold]loud[/bold]", "[/]", "[red", ":smile:", "[link=http://evil.example]x[/link]", "=cmd|' /C calc'!A0", "+1+1",
    "-1", "@SUM(A1:A9)", "'=1", " =1+1", "\u00a0=1+1", "a,b;c\"d'e\\f", '"', "\0", "a\0b", "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://evil.example\x07x\x1b]8;;\x07", "\x9b31m", "a\nb", "a\rb", "a\tb", "\x08\x08", "\x7f", "\x85",
    "a\u2028b\u2029c", "\ud800", "\udcff\udc80", "\ud83d\ude00", "\u202edeb\u202c", "\u2066\u2069\u200f\u200e\u061c",
    "\u200b\ufeff\u00ad", "\u200b", "A\u200dB\u200cC", "\u0307", "Z" + "\u0351\u0300" * 90,
    "\U0001f469\u200d\u2695\ufe0f", "\U000e0041\U000e007f", "\u0645\u062d\u0645\u062f", "\u0130stanbul", "stra\u00dfe",
    "\u212aelvin", "\ufb01nal", "\u01c5", "\ufdfa" * 20, "\u0410\u0412\u0421", "Jose\u0301", "e\u200b\u0301", "_", "%",
    "\\", "\\x1b \\u202e", "\uffff", "None", "NULL", "../../../etc/passwd", "x" * 200, "x" * 201, "\u6f22" * 200,
    "x" * 500, "x" * 501,
)  # fmt: skip
OPTION_LIKE = (
    "-", "--", "---", "-o", "-ojson", "-o=json", "--output", "--output=", "--output=yaml", "--outpu", "--help", "-h",
    "-vvv", "-qo", "-x", "--name=", "--no-such", "-1", "-\u0665", "@file", "--\x1b[31m", "--\u202e", "--\udcff", "--a\nb",
)  # fmt: skip
# Every parser of such a value must refuse these: the number of a record, and so on.
INVALID: dict[str, tuple[str, ...]] = {
    "NUMBER": (
        "", " ", "0", "-0", "00", "-1", "+1", "1.0", "1.", ".5", "1e3", "nan", "NaN", "inf", "0x10", "1_000", "1,000",
        "1 000", "one", "1\u00a0000", "7\0", "5\x1b[31m", "\u0667", "\uff15", "\u00b2", "\u2167", "\U0001d7d7",
        "\u22121", "\u00bd", "1;2", "$1", "\ud800", "9223372036854775808", "9" * 30, "9" * 31, "9" * 5000,
    ),
    "DATE": (
        "", " ", "20260105", "2026-1-5", "02026-01-05", "2026/01/05", "05.01.2026", "2026-W02-1", "2026-005",
        "2026-01-05T10:00", "2026-01-05 10:00", "-2026-01-05", "2026-01-05Z", "2026\u201001\u201005",
        "\uff12\uff10\uff12\uff16-01-05", "2026-01-0\u096b", "2026-01-05\0", "1767571200", "3d", "+d", "+3", "-3d",
        "+-3d", "+3 d", "+3.5d", "+1_0d", "+\u0663d", "+3days", "+36601d", "+100000d", "yesterday", "now", "infinity",
        "epoch", "tod", "tuesdays", "mo", "mon-fri", "\u212aon", "fr\u0131", "\u017fat", "\ud800", "9" * 5000,
        f"+{'9' * 5000}d", "2026-02-29", "2100-02-29", "2026-13-01", "2026-00-10", "0001-01-01", "1999-12-31",
        "2200-01-01", "9999-12-31",
    ),
    "TIME": (
        "", ":", "9", "0900", "09:0", "09:000", "009:00", ":30", "09:", "09:60", "24:01", "-1:00", "+9:00", "09:-1",
        "09 :00", "09.00", "9am", "9:00am", "09:00:00", "09:00Z", "noon", "0_9:00", "\uff11\uff10:00",
        "\u0660\u0669:\u0660\u0660", "09\uff1a00", "09:00\0", "\ud800", f"{'9' * 5000}:00",
    ),
    "FROM-TO": (
        "", "-", "12:00", "12:00-", "-13:00", "12-13", "13:00-12:00", "12:00-12:00", "24:00-24:00", "12:00-24:01",
        "12:00-13:60", "12:00--13:00", "12:00-13:00-14:00", "12:00-13:00,14:00-15:00", "12:00\u201313:00",
        "\u0661\u0662:00-13:00", "\ud800-\ud800",
    ),
    "DAYS": (
        "", ",", "-", "mon,", ",mon", "mon,,wed", "mon-", "-fri", "mon-tue-wed", "mo", "mon fri", "mon;wed", "1-5",
        "weekdays", "montag", "today", "mon\u2013fri", "mon-fri\0", "\u212aon", "\ud800", "mon," * 5_000,
    ),
    "EMAIL": (
        "", "ana", "@", "ana@", "@b.example", "a@localhost", "a@b", "a@@b.example", "a b@c.example", "a@b c.example",
        "a@.com", "a@b..example", "a@-b.example", ".a@b.example", "a.@b.example", "a..b@c.example", "Ana <a@c.example>",
        '"a b"@c.example', "a@[127.0.0.1]", "a@c.example,d@e.example", "a\uff20c.example", "a@xn--.example",
        "a@b.example\0", "a\nb@c.example", "a\x1b@b.example", "a\u202e@b.example", "\ud800@b.example",
        "a@\udcff.example", "'; DROP TABLE doctors;--@x.example", "a@" + "b" * 64 + ".example",
        "x" * 243 + "@example.com", "@" * 5000, "a@" + "x." * 50_000 + "y",
    ),
    "PHONE": (
        "12", "1" * 26, "+--", "()()", "x" * 20, "555-CALL", "555/0100", "555_0100", "5550100 ext 4", "555X0100",
        "\u0661\u0662\u0663", "\uff11\uff12\uff13", "555\u20130100", "555\t0100", "555\n0100", "555\x000100",
        "555\u202e0100", "=1+1", "@1-1", "\ud800123",
    ),
}  # fmt: skip
NUMBERS = (
    *INVALID["NUMBER"], "007", " 7 ", "7\n", "7\x1f", "2147483647", "2147483648", "9223372036854775806",
    "9223372036854775807", "1440", "1440.000001", "0.000001", "0.0000001", "4", "5", "480", "481", "0" * 40 + "1",
)  # fmt: skip
EMAILS = (
    *INVALID["EMAIL"], "a'b@c.example", "=1+1@c.example", "A@C.EXAMPLE", "\u0130@clinic.example",
    "i\u0307@clinic.example", "stra\u00dfe@clinic.example", "STRASSE@clinic.example", "\u212a@\u212a.example",
    "a@stra\u00dfe.example", "[red]@c.example", "a@xn--strae-oqa.example", "a@\u0440\u0430.example", "%@c.example",
    "_@c.example", "a@\u3002example", "a@c\uff0eexample", "jose\u0301@c.example", "a@" + "b." * 120 + "example",
)  # fmt: skip
PHONES = (*INVALID["PHONE"], "112", "+" * 24 + "1", "1" * 25, "+1 555x", "-1+1", "5550100", "05550100")
BY_KIND = {
    "DATE": (*INVALID["DATE"], "2000-01-01", "2028-02-29", "2199-12-31", "TODAY", "+0d", "+36600d", "mOn", "2027-03-28", "2027-10-31"),
    "TIME": (*INVALID["TIME"], "24:00", "23:59", "0:00", "02:30"),
    "FROM-TO": (*INVALID["FROM-TO"], "00:00-24:00"),
    "DAYS": (*INVALID["DAYS"], "fri-mon", "sun-sun"),
    "EMAIL": EMAILS,
    "PHONE": PHONES,
    "ZONE": (
        "../../etc/passwd", "/etc/localtime", "Europe/Berlin\0", "Europe/../Europe/Berlin", "europe/berlin", "Europe",
        "", "..", "posix/UTC", "right/UTC", "localtime", "Factory", "UTC+3", "<A>5", "UTC'; --", "Pacific/Kiritimati",
        "Africa/Monrovia", "\u0130stanbul", "C:\\Windows", "Europe/\udcff", "tzdata.zi", "A" * 300, "A/" * 5000,
    ),
    "KEY": ("same", "SAME", "same ", "\u0455ame", "'; --", "%", "0", "\u200b", "x" * 200, "x" * 201, "same\0", "\x1b[31m"),
    "N": NUMBERS,
    "SLOT": NUMBERS,
    "MINUTES": NUMBERS,
    "DOCTOR": NUMBERS + EMAILS,
    "PATIENT": NUMBERS + EMAILS + PHONES,
    "INTO": NUMBERS + EMAILS + PHONES,
    "BOOKING": (
        *NUMBERS, "K7QF-2M9T", "\u212a7QF-2M9T", "\u041a7QF-2M9T", "K7QF\u20112M9T", "1111-1111", "12345678",
        "--------", "________",
    ),
    "FORMAT": ("JSON", " csv ", "xml", "", "json\0", "\u212ajson", "ndj\u017fon", "json,csv", "\x1b[2J", "\udcff", "table\n"),
    "CHOICE": ("", "ALL", "\u212a", "confirm", "CONF\u0130RMED", "confirmed\0", "d\u0430y", "free,held", "PENDING'--"),
    "FILE": (
        "", ".", "/", "-", "missing", "missing/rows.csv", "/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem",
        "~/rows.csv", "rows\0.csv", "\udcff.csv", "\x1b[31m.csv", "a/" * 3000, "http://x.example/rows.csv",
    ),
}  # fmt: skip
_ODD_CHARACTERS = (
    "\0\x07\x1b\x7f\x85\x9b\t\n\r'\"%\\[]=-+@,\u00a0\u00ad\u0301\u061c\u200b\u200d\u202e\u2028\ufeff\ud800\udcff"
)
_LOOK_ALIKES = dict(zip("1SsKkiABCEHMPTXaeo-.@23 ", "ıſſKKİАВСΕНМРТХаео‑．＠２З\u00a0", strict=True))


def hostile(kind: str, valid: str, rng: Random) -> str:
    """Return a hostile value of a kind, which is a parameter's metavar; some are mutations of the value `valid`."""
    chance = rng.random()
    if chance < 0.45:
        return rng.choice(BY_KIND.get(kind, TEXTS))
    if chance < 0.60:
        return rng.choice(TEXTS)
    if chance < 0.85:
        return _mutated(valid, rng)
    if chance < 0.93:
        return rng.choice(OPTION_LIKE)
    if chance < 0.98:
        tops = (0x20, 0x80, 0x100, 0x800, 0x3000, 0x10000, 0x110000)
        return "".join(chr(rng.randrange(rng.choice(tops))) for _ in range(rng.randint(1, 40)))
    unit = rng.choice(("x", "9", "\u6f22", "\u0301", "\x1b[31m", "%s", "a@", "-", "mon,", "\udcff", valid or "x"))
    return unit * (rng.choice((1_000, 100_000, 1_000_000)) // len(unit))


def _mutated(text: str, rng: Random) -> str:
    """Return `text` with one mutation; some look like it, become it in another case, or match it as a pattern."""
    place = rng.randint(0, len(text))
    match rng.randrange(7):
        case 0:
            return text[:place] + rng.choice(_ODD_CHARACTERS) + text[place:]
        case 1:
            return rng.choice((text.upper(), text.lower(), text.swapcase()))
        case 2:
            return rng.choice(" \t\n\u00a0\u3000\x1f") + text + rng.choice((" ", "\n", "\u2003", ""))
        case 3:
            return text[:place] + text[place + 1 :]
        case 4:
            return text[:place] + rng.choice("_%") + text[place + 1 :]
        case 5:
            replaced = rng.choice(sorted(set(text) & _LOOK_ALIKES.keys()) or [" "])
            return text.replace(replaced, _LOOK_ALIKES[replaced])
        case _:
            return text + text
