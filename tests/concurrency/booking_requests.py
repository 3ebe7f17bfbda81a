"""Requests for bookings, for calls of the repository."""

from decimal import Decimal

from booking_cli.domain.references import new_request_id
from booking_cli.repository.new_bookings import BookingRequest


def request_for(slot_id, name="Pat", **changes):
    """Return a new request to hold a slot for an hour, for a patient who is identified by the name."""
    email = f"{name.replace(' ', '-')}@example.org"
    usual = BookingRequest(slot_id, None, name, email, None, Decimal(60), new_request_id(), may_be_replay=False)
    return usual._replace(**changes)
