"""A database server that is not managed by booking."""


class ExternalServer:
    """The server at an address of the administrator's; booking neither starts it nor sets it up without being asked."""

    def __init__(self, url: str) -> None:
        self._url = url

    def conninfo(self) -> str:
        """Return the address as it was set."""
        return self._url
