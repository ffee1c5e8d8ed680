"""The tour of the README with the client that openapi-python-client generates.

    python tour.py http://localhost:3000
"""

import datetime
import sys
import time
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from eventboard_client import AuthenticatedClient, Client
from eventboard_client.api.auth import get_current_user, login, signup
from eventboard_client.api.events import (
    approve_event,
    create_event,
    delete_event,
    get_event,
    list_events,
    reject_event,
    submit_event,
    update_event,
)
from eventboard_client.api.infrastructure import get_health
from eventboard_client.models import (
    CurrentUser,
    Event,
    EventPage,
    EventPatch,
    EventStatus,
    Health,
    HealthStatus,
    Login,
    NewEvent,
    ProblemDetails,
    Rejection,
    Role,
    Session,
    Signup,
    SortBy,
    SortOrder,
)
from eventboard_client.types import Response, Unset

BASE_URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"
PASSWORD = "Password123!"

T = TypeVar("T")


def expect(kind: type[T], reply: Response[Any], status: int) -> T:
    """The body of a response, which must have this type and status."""
    assert reply.status_code == status, reply
    assert isinstance(reply.parsed, kind), reply
    return reply.parsed


def expect_problem(reply: Response[Any], status: int) -> ProblemDetails:
    """The body of an error response with this status."""
    problem = expect(ProblemDetails, reply, status)
    assert problem.status == status
    assert problem.correlation_id == reply.headers["x-correlation-id"]
    return problem


def log_in(anonymous: Client, email: str) -> tuple[Session, AuthenticatedClient]:
    reply = login.sync_detailed(client=anonymous, body=Login(email=email, password=PASSWORD))
    session = expect(Session, reply, 200)
    client = AuthenticatedClient(BASE_URL, token=session.access_token, raise_on_unexpected_status=True)
    return session, client


def tour() -> None:
    anonymous = Client(BASE_URL, raise_on_unexpected_status=True)
    moderator_session, moderator = log_in(anonymous, "moderator@acme.com")
    email = f"tour-{time.time_ns()}@example.org"
    new_user = Signup(
        email=email,
        password=PASSWORD,
        first_name="Grace",
        last_name="Hopper",
        organization_id=moderator_session.user.organization_id,
    )
    session = expect(Session, signup.sync_detailed(client=anonymous, body=new_user), 201)
    assert session.user.role is Role.USER
    expect_problem(signup.sync_detailed(client=anonymous, body=new_user), 409)
    _, member = log_in(anonymous, email)
    me = expect(CurrentUser, get_current_user.sync_detailed(client=member), 200)
    assert me.organization.name == "Acme Corporation"

    start = datetime.datetime(2027, 10, 1, 9, tzinfo=datetime.timezone.utc)
    new_event = NewEvent(
        title="Autumn hackathon",
        description="Two days of building things together",
        location="Office",
        start_date=start,
        end_date=start + datetime.timedelta(hours=32),
    )
    key = f"tour-{time.time_ns()}"
    created = create_event.sync_detailed(client=member, body=new_event, idempotency_key=key)
    event = expect(Event, created, 201)
    assert created.headers["location"] == f"/events/{event.id}"
    assert event.start_date == start
    replay = create_event.sync_detailed(client=member, body=new_event, idempotency_key=key)
    assert expect(Event, replay, 201) == event
    assert replay.headers["idempotency-replayed"] == "true"

    def submit() -> None:
        submitted = expect(Event, submit_event.sync_detailed(event.id, client=member), 200)
        assert submitted.status is EventStatus.SUBMITTED

    submit()
    rejection = Rejection(reason="Please name a person in charge")
    expect_problem(reject_event.sync_detailed(event.id, client=member, body=rejection), 403)
    rejected = expect(Event, reject_event.sync_detailed(event.id, client=moderator, body=rejection), 200)
    assert rejected.rejection_reason == rejection.reason

    found = get_event.sync_detailed(event.id, client=member)
    assert expect(Event, found, 200) == rejected
    etag = found.headers["etag"]
    unchanged = get_event.sync_detailed(event.id, client=member, if_none_match=etag)
    assert (unchanged.status_code, unchanged.parsed) == (HTTPStatus.NOT_MODIFIED, None)

    patch = EventPatch(description="Two days of building things; ask for Ada", location=None)
    stale = update_event.sync_detailed(event.id, client=member, body=patch, if_match='"1"')
    assert expect_problem(stale, 412).type_ == "urn:eventboard:problem:stale-version"
    updated = expect(Event, update_event.sync_detailed(event.id, client=member, body=patch, if_match=etag), 200)
    assert updated.location is None and updated.title == new_event.title

    submit()
    approved = expect(Event, approve_event.sync_detailed(event.id, client=moderator), 200)
    assert approved.status is EventStatus.APPROVED
    expect_problem(approve_event.sync_detailed(event.id, client=moderator), 409)
    find = partial(
        list_events.sync_detailed,
        client=member,
        search="HACKATHON",
        status=EventStatus.APPROVED,
        sort_by=SortBy.CREATEDAT,
        sort_order=SortOrder.DESC,
        start_date_from=start,
        limit=1,
    )
    page = expect(EventPage, find(), 200)
    assert page.data == [approved]
    if page.meta.next_cursor is not None:
        following = find(cursor=page.meta.next_cursor)
        assert expect(EventPage, following, 200).meta.page is None

    invalid = NewEvent(title="ab", description="short", start_date=start, end_date=start)
    problem = expect_problem(create_event.sync_detailed(client=member, body=invalid), 400)
    assert not isinstance(problem.errors, Unset)
    assert [violation.field for violation in problem.errors] == ["title", "description", "endDate"]

    draft = expect(Event, create_event.sync_detailed(client=member, body=new_event), 201)
    deleted = delete_event.sync_detailed(draft.id, client=member)
    assert (deleted.status_code, deleted.parsed) == (HTTPStatus.NO_CONTENT, None)
    expect_problem(get_event.sync_detailed(draft.id, client=member), 404)
    health = expect(Health, get_health.sync_detailed(client=anonymous), 200)
    assert health.status is HealthStatus.OK


tour()
