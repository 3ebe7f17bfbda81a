"""`booking doctors`."""

from typing import Annotated

import typer

from booking_cli import repository
from booking_cli.cli import parameters
from booking_cli.cli.parameters import Command, Context, CreatingCommand, option
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.models import Doctor
from booking_cli.domain.validation import parse_email, parse_search, parse_specialization
from booking_cli.output.results import Many, One, Result

app = typer.Typer(help="Manage doctors.", rich_markup_mode=None)


@app.command("add", cls=CreatingCommand)
def add(
    ctx: Context,
    name: parameters.NameArgument,
    specialization: Annotated[str, option("TEXT", parse_specialization, "Specialization, such as Cardiology.")],
    email: Annotated[str, option("EMAIL", parse_email, "Email address; unique among doctors.")],
    phone: parameters.PhoneOption = None,
) -> Result:
    """Add a doctor."""
    doctor = repository.doctors.add(ctx.session, name=name, specialization=specialization, email=email, phone=phone)
    return One(doctor, f"Added doctor {doctor.id}.")


@app.command("list", cls=Command)
def list_(
    ctx: Context,
    specialization: parameters.SpecializationFilter = None,
    search: Annotated[
        str | None, option("TEXT", parse_search, "Only with this in the name or the email address.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also inactive doctors.")] = False,
    limit: parameters.LimitOption = parameters.DEFAULT_LIMIT,
) -> Result:
    """List doctors by name."""
    found = repository.doctors.list_doctors(
        ctx.session, specialization=specialization, search=search, include_inactive=all_, limit=limit
    )
    return Many(Doctor, found, "doctor", limit=limit)


@app.command("show", cls=Command)
def show(ctx: Context, doctor: parameters.DoctorArgument) -> Result:
    """Show a doctor."""
    return One(repository.doctors.find(ctx.session, doctor))


@app.command("update", cls=Command)
def update(
    ctx: Context,
    doctor: parameters.DoctorArgument,
    name: parameters.NewNameOption = None,
    specialization: Annotated[str | None, option("TEXT", parse_specialization, "New specialization.")] = None,
    email: Annotated[str | None, option("EMAIL", parse_email, "New email address.")] = None,
    phone: parameters.NewPhoneOption = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether the doctor takes appointments.")
    ] = None,
    if_version: parameters.IfVersionOption = None,
) -> Result:
    """Change a doctor's details; options not given stay as they are."""
    change = repository.doctors.DoctorUpdate(name, specialization, email, phone, active)
    if all(value is None for value in change):
        raise InvalidInput(
            "Nothing to change; give at least one of --name, --specialization, --email, --phone, --active or --inactive."
        )
    changed = repository.doctors.update(ctx.session, doctor, change, if_version=if_version)
    return One(changed, f"Changed doctor {changed.id}.")


@app.command("delete", cls=Command)
def delete(ctx: Context, doctor: parameters.DoctorArgument) -> Result:
    """Delete a doctor who has no slots."""
    deleted = repository.doctors.delete(ctx.session, doctor)
    return One(deleted, f"Deleted doctor {deleted.id}, {deleted.name}.", details=False)
