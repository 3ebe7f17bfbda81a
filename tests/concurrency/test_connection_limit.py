"""A server with no connection left: every command gets the error `busy`."""

import contextlib

import psycopg
from psycopg.conninfo import make_conninfo

from tests.support.cluster import migrated_node
from tests.support.waiting import wait_until

COMMANDS = ["slots list", "book 1 --name Pat --email p@x.de", "expire --quiet", "verify", "db status"]
CONNECTIONS = 3


def test_command_without_a_connection_left_ends_with_6(booking):
    reserved = 3  # for a superuser, as in the default settings
    limits = {
        "max_connections": CONNECTIONS + reserved,
        "superuser_reserved_connections": reserved,
        "max_wal_senders": 0,
    }
    with migrated_node(**limits) as node, contextlib.ExitStack() as others:
        with node.open() as admin:
            admin.execute("CREATE ROLE clinic LOGIN IN ROLE pg_read_all_data, pg_write_all_data")
        url, held = make_conninfo(node.url, user="clinic"), []

        def connect():
            with contextlib.suppress(psycopg.OperationalError):  # an earlier connection is still being closed
                held.append(others.enter_context(psycopg.connect(url)))
            return len(held) == CONNECTIONS

        wait_until(connect, "every connection is taken")
        for command in COMMANDS:
            ran = booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=url)
            assert (ran.status, ran.stdout, ran.error["code"]) == (6, "", "busy"), command
            assert "no connection left" in ran.error["message"], command
