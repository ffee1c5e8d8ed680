-- EventBoard's schema. Names of tables and columns are those that the operators' runbook uses.
-- Constraints and indexes are named: the services turn their names into answers for the caller.

create extension if not exists pg_trgm;

create type "Role" as enum ('USER', 'MODERATOR', 'ADMIN');

-- In workflow order, which is therefore the sort order.
create type "EventStatus" as enum ('DRAFT', 'SUBMITTED', 'APPROVED', 'REJECTED');

create table "Organization" (
    id uuid constraint organization_pkey primary key,
    name text not null,
    slug text not null constraint organization_slug_key unique,
    -- Whether anybody may join by signing up with the organization's id.
    "openSignup" boolean not null default false,
    "createdAt" timestamptz(3) not null default now(),
    constraint organization_name_length check (char_length(name) between 2 and 100),
    constraint organization_slug_present check (slug <> '')
);

create table "User" (
    id uuid constraint user_pkey primary key,
    "organizationId" uuid not null constraint user_organization_fkey references "Organization" (id),
    email text not null,
    "firstName" text not null,
    "lastName" text not null,
    role "Role" not null,
    -- Argon2id in PHC string format.
    "passwordHash" text not null,
    disabled boolean not null default false,
    "createdAt" timestamptz(3) not null default now(),
    constraint user_email_length check (char_length(email) between 3 and 254),
    constraint user_first_name_length check (char_length("firstName") between 1 and 50),
    constraint user_last_name_length check (char_length("lastName") between 1 and 50),
    constraint user_password_hashed check ("passwordHash" like '$argon2id$%'),
    -- Target of the foreign key that keeps an event and its owner in one organization.
    constraint user_id_organization_key unique (id, "organizationId")
);

create unique index user_email_key on "User" (lower(email));
create index user_organization_idx on "User" ("organizationId");

create table "Event" (
    id uuid constraint event_pkey primary key,
    "organizationId" uuid not null,
    "createdById" uuid not null,
    title text not null,
    description text not null,
    location text,
    "startDate" timestamptz(3) not null,
    "endDate" timestamptz(3) not null,
    status "EventStatus" not null default 'DRAFT',
    "rejectionReason" text,
    "createdAt" timestamptz(3) not null,
    "updatedAt" timestamptz(3) not null,
    -- Grows with every change; the ETag of the HTTP API.
    version bigint not null default 1,
    constraint event_owner_fkey foreign key ("createdById", "organizationId") references "User" (id, "organizationId"),
    constraint event_title_length check (char_length(title) between 3 and 200),
    constraint event_description_length check (char_length(description) between 10 and 5000),
    constraint event_location_length check (char_length(location) between 1 and 300),
    constraint event_chronological check ("endDate" > "startDate"),
    constraint event_reason_length check (char_length("rejectionReason") between 10 and 500),
    constraint event_reason_when_rejected check ((status = 'REJECTED') = ("rejectionReason" is not null)),
    constraint event_version_positive check (version > 0)
);

-- The four that the runbook names.
create index idx_events_organization_id on "Event" ("organizationId");
create index idx_events_created_by_id on "Event" ("createdById");
create index idx_events_status on "Event" ("status");
create index idx_events_start_date on "Event" ("startDate");

-- One for each order of a listing within an organization; id makes each order total.
create index idx_events_by_start_date on "Event" ("organizationId", "startDate", id);
create index idx_events_by_created_at on "Event" ("organizationId", "createdAt", id);
create index idx_events_by_title on "Event" ("organizationId", lower(title), id);
create index idx_events_by_status on "Event" ("organizationId", status, id);

-- Literal search of three characters and more, without regard to case.
create index idx_events_search on "Event" using gin (title gin_trgm_ops, description gin_trgm_ops);

-- What happened to events. It survives the events (no foreign key) and is only ever appended to.
create table "EventHistory" (
    id bigint generated always as identity constraint event_history_pkey primary key,
    "eventId" uuid not null,
    "organizationId" uuid not null,
    "actorId" uuid not null,
    action text not null,
    "fromStatus" "EventStatus",
    "toStatus" "EventStatus",
    reason text,
    at timestamptz(3) not null default clock_timestamp(),
    constraint event_history_action check (action in ('CREATE', 'SUBMIT', 'APPROVE', 'REJECT', 'DELETE')),
    constraint event_history_from check (("fromStatus" is null) = (action = 'CREATE')),
    constraint event_history_to check (("toStatus" is null) = (action = 'DELETE'))
);

create index event_history_event_idx on "EventHistory" ("eventId", id);

create function event_history_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'EventHistory is append-only' using errcode = 'restrict_violation';
end
$$;

create trigger event_history_append_only
    before update or delete or truncate on "EventHistory"
    for each statement execute function event_history_is_append_only();

-- Which keyed writes happened, with the response to repeat. Committed together with the effect.
create table "IdempotencyKey" (
    "callerId" uuid not null,
    -- The name of the gRPC method.
    operation text not null,
    key text not null,
    -- SHA-256 of what the request asks for.
    fingerprint bytea not null,
    -- The request of the client that stored the response; another one that finds it is a replay.
    "requestId" uuid not null,
    -- The event as a protobuf message; empty for a deletion.
    response bytea not null,
    "createdAt" timestamptz(3) not null default now(),
    "expiresAt" timestamptz(3) not null,
    constraint idempotency_key_pkey primary key ("callerId", operation, key),
    constraint idempotency_key_length check (char_length(key) between 1 and 255),
    constraint idempotency_key_fingerprint check (octet_length(fingerprint) = 32)
);

create index idempotency_key_expiry_idx on "IdempotencyKey" ("expiresAt");
