"""Where the embedded server is, as its `postmaster.pid` tells it."""

import pytest

from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.domain.errors import DatabaseUnavailable

# What PostgreSQL writes line by line while it starts: the socket's folder comes last.
LINES = ["4711", "/data/postgres", "1800000000", "5432", "/data/postgres", "", "  1234 5", "ready   "]


@pytest.fixture
def server(tmp_path):
    embedded = EmbeddedServer(tmp_path)
    embedded.cluster.mkdir()
    return embedded


def test_the_address_is_the_socket_and_nothing_else(server):
    (server.cluster / "postmaster.pid").write_text("\n".join(LINES))
    assert server.conninfo() == "host=/data/postgres port=5432 user=booking dbname=booking"


@pytest.mark.parametrize("lines", [LINES[:0], LINES[:3], LINES[:4], [*LINES[:4], ""], [*LINES[:4], "", "", ""]])
def test_a_server_that_is_only_starting_has_no_address_and_no_other_server_is_taken_for_it(server, lines):
    (server.cluster / "postmaster.pid").write_text("\n".join(lines))
    with pytest.raises(DatabaseUnavailable, match="not running"):
        server.conninfo()
