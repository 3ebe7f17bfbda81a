"""The servers that tests stand on; the container itself is tried wherever a Docker engine answers."""

import inspect


def test_the_library_for_containers_still_has_what_the_fixture_uses():
    from testcontainers.community.postgres import PostgresContainer

    assert {"image", "driver"} <= set(inspect.signature(PostgresContainer.__init__).parameters)
    assert callable(PostgresContainer.get_connection_url)
