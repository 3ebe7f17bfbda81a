"""`booking patients`."""

from typing import Annotated

import typer

from booking_cli import repository
from booking_cli.cli import parameters
from booking_cli.cli.parameters import Command, Context, argument, option
from booking_cli.domain.errors import InvalidInput, PatientOverlap
from booking_cli.domain.models import Patient, PatientChange
from booking_cli.domain.validation import PatientKey, or_empty, parse_email, parse_note, parse_patient, parse_search
from booking_cli.output.results import Many, One, Result

app = typer.Typer(help="Manage patients.", rich_markup_mode=None)


@app.command("add", cls=Command)
def add(
    ctx: Context,
    name: parameters.NameArgument,
    email: Annotated[str | None, option("EMAIL", parse_email, "Email address; a family can share one.")] = None,
    phone: parameters.PhoneOption = None,
    note: Annotated[str | None, option("TEXT", parse_note, "Note, 1 to 500 characters.")] = None,
) -> Result:
    """Register a patient.

    A patient needs an email address, a phone number or both. A first booking registers a patient, too.
    """
    if email is None and phone is None:
        ctx.fail("Missing option '--email' or '--phone'.")
    patient = repository.patients.add(ctx.session, name=name, email=email, phone=phone, note=note)
    return One(patient, f"Registered patient {patient.id}.")


@app.command("list", cls=Command)
def list_(
    ctx: Context,
    search: Annotated[
        str | None, option("TEXT", parse_search, "Only with this in the name, the email address or the phone number.")
    ] = None,
    limit: parameters.LimitOption = parameters.DEFAULT_LIMIT,
) -> Result:
    """List patients by name."""
    found = repository.patients.list_patients(ctx.session, search=search, limit=limit)
    return Many(Patient, found, "patient", limit=limit)


@app.command("show", cls=Command)
def show(ctx: Context, patient: parameters.PatientArgument) -> Result:
    """Show a patient with their coming and past bookings."""
    return One(repository.patients.show(ctx.session, patient))


@app.command("update", cls=Command)
def update(
    ctx: Context,
    patient: parameters.PatientArgument,
    name: parameters.NewNameOption = None,
    email: Annotated[str | None, option("EMAIL", or_empty(parse_email), "New email address; '' removes it.")] = None,
    phone: parameters.NewPhoneOption = None,
    note: Annotated[str | None, option("TEXT", or_empty(parse_note), "New note; '' removes it.")] = None,
    if_version: parameters.IfVersionOption = None,
) -> Result:
    """Change a patient's details; options not given stay as they are.

    The change shows in every booking of the patient.
    """
    change = repository.patients.PatientUpdate(name, email, phone, note)
    if all(value is None for value in change):
        raise InvalidInput("Nothing to change; give at least one of --name, --email, --phone and --note.")
    changed = repository.patients.update(ctx.session, patient, change, if_version=if_version)
    return One(changed, f"Changed patient {changed.id}.")


@app.command("merge", cls=Command)
def merge(
    ctx: Context,
    patient: parameters.PatientArgument,
    into: Annotated[PatientKey, argument("INTO", parse_patient, "The patient to keep.")],
) -> Result:
    """Merge a patient into another.

    For one person who was registered twice: moves the bookings of PATIENT to INTO, fills what INTO's record lacks, and removes the
    record of PATIENT.
    """
    try:
        merged = repository.patients.merge(ctx.session, patient, into)
    except PatientOverlap:
        if not repository.bookings.expire(ctx.session).expired:  # a lapsed hold must not block the merge
            raise
        merged = repository.patients.merge(ctx.session, patient, into)
    return One(merged, f"Merged into patient {merged.id}.")


@app.command("history", cls=Command)
def history(ctx: Context, patient: parameters.PatientArgument) -> Result:
    """Show the changes of a patient's record.

    When and by whom it was registered, updated and merged.
    """
    return Many(PatientChange, repository.patients.history(ctx.session, patient), "change", ctx.session.zone.key)
