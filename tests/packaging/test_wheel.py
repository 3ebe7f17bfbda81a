"""The wheel, installed with the packages that it requires and no others, works in an empty folder."""

import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[2]


def run(*command, **options):
    """Run a command that must succeed, and return what it prints."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, CHECKOUT, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of the programs of a new environment with the wheel, and links to the packages that it requires."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment)
    python = environment / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    [packages] = environment.glob("lib/python*/site-packages")
    [booking] = metadata.distributions(name="booking-cli", path=[str(packages)])
    for path in required_paths(booking.requires or []):
        (packages / path.name).symlink_to(path)
    return python.parent


def required_paths(requirements):
    """Return the top-level files and folders of the required distributions, and of those that they require."""
    left, seen, paths = [(text, "") for text in requirements], set(), set()
    while left:
        text, extra = left.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        found = metadata.distribution(requirement.name)
        paths |= {Path(str(found.locate_file(file.parts[0]))) for file in found.files or []}
        for wanted in {"", *requirement.extras} - {extra for name, extra in seen if name == requirement.name}:
            seen.add((requirement.name, wanted))
            left += [(below, wanted) for below in found.requires or []]
    return {path for path in paths if path.name not in ("..", "__pycache__")}


@pytest.fixture
def empty_folder(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_wheel_has_the_package_with_all_sql_files_its_license_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    packed = {name.removeprefix("booking_cli/") for name in names if name.endswith(".sql")}
    assert packed == {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "sql").rglob("*.sql")}
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"booking_cli"}
    assert any(name.endswith("/LICENSE") for name in names)
    assert "booking_cli/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or ".env" in name]


def test_installed_program_sets_up_a_database_and_books(installed, environment, empty_folder, empty_url):
    def booking(*arguments):
        settings = {**environment, "BOOKING_DATABASE_URL": empty_url}
        return run(installed / "booking", *arguments, cwd=empty_folder, env=settings)

    assert "appointment_book" in booking("db", "migrate", "-o", "json")
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", "ana@clinic.example")
    booking("slots", "add", "ana@clinic.example", "+3d", "09:00")
    booking("book", 1, "--name", "Maria Silva", "--email", "maria@example.org", "--confirm")
    assert "Maria Silva" in booking("list", "--date", "+3d")
    booking("verify")
    assert list(empty_folder.iterdir()) == []


def test_installed_program_uses_its_own_package_and_not_the_checkout(installed, environment, empty_folder):
    code = "import booking_cli; from booking_cli.db import queries; print(booking_cli.__file__); print(queries.sql_folder())"
    for path in run(installed / "python", "-c", code, cwd=empty_folder, env=environment).split():
        assert Path(path).is_relative_to(installed.parent)


@pytest.mark.parametrize("command", ["doctors list", "db start", "db url", "db migrate"])
def test_installed_program_without_the_extra_says_how_to_get_a_database(installed, environment, empty_folder, command):
    settings = {**environment, "BOOKING_DATABASE_URL": "", "BOOKING_DATA_DIR": "data"}
    words = [installed / "booking", *command.split()]
    done = subprocess.run(words, cwd=empty_folder, env=settings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (5, "", 1)
    assert "BOOKING_DATABASE_URL" in done.stderr
    assert "pip install 'booking-cli[embedded]'" in done.stderr
    assert list(empty_folder.iterdir()) == []
