"""A database server that is not managed by booking."""


class ExternalServer:
    """The server at a given address. booking does not start it, and only `booking db migrate` sets it up."""

    def __init__(self, url: str) -> None:
        self._url = url

    def conninfo(self) -> str:
        """Return the address as it was set."""
        return self._url
