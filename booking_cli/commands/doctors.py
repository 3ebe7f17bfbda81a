"""`booking doctors`: the people who have slots."""

from typing import Annotated

import typer

from booking_cli.cli.parameters import DEFAULT_LIMIT, Command, DoctorArgument, LimitOption, checked, open_book
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import (
    parse_email,
    parse_name,
    parse_phone,
    parse_phone_or_nothing,
    parse_search,
    parse_specialization,
    parse_version,
)
from booking_cli.output import Many, One, Result

app = typer.Typer(help="The people who have slots.", rich_markup_mode=None)


@app.command("add", cls=Command)
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", parser=checked(parse_name), help="Name, 1 to 200 characters.")],
    specialization: Annotated[
        str, typer.Option(metavar="TEXT", parser=checked(parse_specialization), help="What the doctor treats.")
    ],
    email: Annotated[
        str, typer.Option(metavar="EMAIL", parser=checked(parse_email), help="Email address; no other doctor has it.")
    ],
    phone: Annotated[
        str | None, typer.Option(metavar="PHONE", parser=checked(parse_phone), help="Phone number.")
    ] = None,
) -> Result:
    """Add a doctor."""
    book = open_book(ctx)
    from booking_cli.repository import doctors

    doctor = doctors.add(book, name=name, specialization=specialization, email=email, phone=phone)
    return One(doctor, f"Added doctor {doctor.id}.")


@app.command("list", cls=Command)
def list_(
    ctx: typer.Context,
    specialization: Annotated[
        str | None, typer.Option(metavar="TEXT", parser=checked(parse_specialization), help="Only this one.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", parser=checked(parse_search), help="Only with this in name or email.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those who are not active.")] = False,
    limit: LimitOption = DEFAULT_LIMIT,
) -> Result:
    """List doctors by name."""
    book = open_book(ctx)
    from booking_cli.domain.models import Doctor
    from booking_cli.repository import doctors

    found = doctors.listing(book, specialization=specialization, search=search, include_inactive=all_, limit=limit)
    return Many(Doctor, found, "doctor", limit=limit)


@app.command("show", cls=Command)
def show(ctx: typer.Context, doctor: DoctorArgument) -> Result:
    """Show a doctor."""
    book = open_book(ctx)
    from booking_cli.repository import doctors

    return One(doctors.find(book, doctor))


@app.command("update", cls=Command)
def update(
    ctx: typer.Context,
    doctor: DoctorArgument,
    name: Annotated[str | None, typer.Option(metavar="NAME", parser=checked(parse_name), help="New name.")] = None,
    specialization: Annotated[
        str | None, typer.Option(metavar="TEXT", parser=checked(parse_specialization), help="New specialization.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(metavar="EMAIL", parser=checked(parse_email), help="New email address.")
    ] = None,
    phone: Annotated[
        str | None,
        typer.Option(metavar="PHONE", parser=checked(parse_phone_or_nothing), help="New phone number; '' removes it."),
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Takes appointments, or takes no more.")
    ] = None,
    if_version: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=checked(parse_version), help="Only if nobody has changed it since this version."
        ),
    ] = None,
) -> Result:
    """Change what is given of a doctor."""
    if all(value is None for value in (name, specialization, email, phone, active)):
        raise InvalidInput(
            "There is nothing to change; give at least one of --name, --specialization, --email, --phone, "
            "--active or --inactive."
        )
    book = open_book(ctx)
    from booking_cli.repository import doctors

    change = doctors.DoctorChange(name, specialization, email, phone, active)
    changed = doctors.update(book, doctor, change, if_version=if_version)
    return One(changed, f"Changed doctor {changed.id}.")


@app.command("delete", cls=Command)
def delete(ctx: typer.Context, doctor: DoctorArgument) -> Result:
    """Delete a doctor who has no slots."""
    book = open_book(ctx)
    from booking_cli.repository import doctors

    deleted = doctors.delete(book, doctor)
    return One(deleted, f"Deleted doctor {deleted.id}, {deleted.name}.", details=False)
