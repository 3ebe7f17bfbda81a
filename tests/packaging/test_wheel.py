"""The wheel, installed with what it says it needs and nothing else, works in an empty folder."""

import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, CHECKOUT, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of the programs of a new environment with the wheel, and with links to what it needs."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place)
    [packages] = place.glob("lib/python*/site-packages")
    python = place / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    for top in needed_by("booking-cli"):
        (packages / top.name).symlink_to(top)
    return python.parent


@pytest.fixture
def empty_folder(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_the_sql_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix("booking_cli/") for name in archive.namelist() if name.endswith(".sql")}
    in_checkout = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "sql").rglob("*.sql")}
    assert packed == in_checkout
    assert any(name.startswith("sql/migrations/") for name in packed)
    assert any(name.startswith("sql/queries/") for name in packed)


def test_the_wheel_brings_the_package_its_license_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"booking_cli"}
    assert any(name.endswith("/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or ".env" in name]


def test_the_installed_program_sets_up_a_database_and_books(installed, environment, empty_folder, empty_url):
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


def test_the_installed_package_is_the_wheels_and_not_the_checkouts(installed, environment, empty_folder):
    where = "import booking_cli; from booking_cli.db import queries; print(booking_cli.__file__); print(queries.sql_folder())"
    places = run(installed / "python", "-c", where, cwd=empty_folder, env=environment).split()
    for place in places:
        assert Path(place).is_relative_to(installed.parent)


def test_without_the_extra_the_program_says_how_to_get_a_database(installed, environment, empty_folder):
    done = subprocess.run(
        [installed / "booking", "doctors", "list"],
        cwd=empty_folder,
        env={**environment, "BOOKING_DATABASE_URL": "", "BOOKING_DATA_DIR": "data"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert "pip install 'booking-cli[embedded]'" in done.stderr


def run(*command, **options):
    """Run a command that must succeed, and return what it prints."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def needed_by(name):
    """Return the files and folders at the top of what a distribution needs, and what that needs, without its extras."""
    seen, left, found = {name}, [(name, "")], set()
    while left:
        one, extra = left.pop()
        for text in distribution(one).requires or []:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            for wanted in ("", *requirement.extras):
                key = requirement.name + (f"[{wanted}]" if wanted else "")
                if key not in seen:
                    seen.add(key)
                    left.append((requirement.name, wanted))
            files = distribution(requirement.name).files or []
            tops = {file.parts[0] for file in files} - {"..", "__pycache__"}
            found |= {Path(str(distribution(requirement.name).locate_file(top))) for top in tops}
    return sorted(found)
