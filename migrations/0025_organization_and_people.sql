-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- How a user wants to be addressed: a language tag (BCP 47), and the name of a time zone in the IANA database. Null: as the
-- organization. The release before neither reads nor writes them.
alter table "User" add column if not exists language text;
alter table "User" add column if not exists "timeZone" text;
alter table "Organization" add column if not exists "timeZone" text not null default 'UTC';

-- Grow with every change that members or settings show; the ETags of the HTTP API. Triggers count, so that no write forgets it,
-- also none of the release before.
alter table "User" add column if not exists version bigint not null default 1;
alter table "Organization" add column if not exists version bigint not null default 1;

create or replace function count_version() returns trigger language plpgsql as $$
begin
    new.version := old.version + 1;
    return new;
end
$$;

create or replace trigger user_version before update on "User"
    for each row when (
        (old.email, old."firstName", old."lastName", old.role, old.disabled, old."emailVerifiedAt", old.language, old."timeZone")
        is distinct from
        (new.email, new."firstName", new."lastName", new.role, new.disabled, new."emailVerifiedAt", new.language, new."timeZone")
    )
    execute function count_version();

create or replace trigger organization_version before update on "Organization"
    for each row when (
        (old.name, old."openSignup", old."timeZone") is distinct from (new.name, new."openSignup", new."timeZone")
    )
    execute function count_version();

-- An event belongs to a member of its organization when it is created or handed over. The events that everybody has seen stay when
-- their owner is deleted. So this is checked as a foreign key would, which locks the user, but not when a user is deleted.
create or replace function event_owner_is_member() returns trigger language plpgsql as $$
begin
    perform from "User" where id = new."createdById" and "organizationId" = new."organizationId" for key share;
    if not found then
        raise exception 'the owner of an event must be a member of its organization'
            using errcode = 'foreign_key_violation', constraint = 'event_owner_fkey', table = 'Event';
    end if;
    return null;
end
$$;

create or replace trigger event_owner_is_member after insert or update of "createdById", "organizationId" on "Event"
    for each row execute function event_owner_is_member();
alter table "Event" drop constraint if exists event_owner_fkey;

-- Who is invited to an organization. The token in the link of the mail is made of the seed and of a key that is not stored.
create table if not exists "Invitation" (
    id uuid constraint invitation_pkey primary key,
    "organizationId" uuid not null constraint invitation_organization_fkey references "Organization" (id) on delete cascade,
    -- Null: the operator, or somebody who was deleted.
    "invitedById" uuid constraint invitation_inviter_fkey references "User" (id) on delete set null,
    -- Null as soon as the invitation has ended, so that nothing is left of somebody who was deleted or has never come.
    email text,
    role "Role" not null,
    seed bytea not null,
    "createdAt" timestamptz(3) not null default now(),
    "expiresAt" timestamptz(3) not null,
    -- When it was used or withdrawn. The row stays for a day, because it counts for the limit.
    "endedAt" timestamptz(3),
    constraint invitation_email check ((email is null) = ("endedAt" is not null)),
    constraint invitation_email_length check (char_length(email) between 3 and 254),
    constraint invitation_seed_length check (octet_length(seed) = 32)
);

-- Those of an organization, newest first.
create index if not exists invitation_organization_idx on "Invitation" ("organizationId", "createdAt", id);
-- Those of a user who is disabled or deleted.
create index if not exists invitation_inviter_idx on "Invitation" ("invitedById");
-- What can be deleted.
create index if not exists invitation_expires_idx on "Invitation" ("expiresAt");

-- When an invitation counted for the limit of its address. Another mail that counts gets its link at the same time.
alter table "Outbox" add column if not exists "countedAt" timestamptz(3);

-- Not validated, because that would read all mails while nobody can write one. All rows keep to them already. An invitation has no
-- recipient, but a link: the invitation. A mail to somebody who was deleted has the address only until it is done.
alter table "Outbox" drop constraint if exists outbox_kind;
alter table "Outbox" add constraint outbox_kind check (kind in (
    'WELCOME', 'VERIFY_EMAIL', 'CONFIRM_EMAIL', 'EMAIL_CHANGE_REQUESTED', 'EMAIL_CHANGED', 'PASSWORD_RESET',
    'PASSWORD_CHANGED', 'INVITATION', 'ROLE_CHANGED', 'USER_DISABLED', 'ACCOUNT_DELETED', 'EVENT_APPROVED', 'EVENT_REJECTED'
)) not valid;
alter table "Outbox" drop constraint if exists outbox_recipient;
alter table "Outbox" add constraint outbox_recipient check (
    kind in ('PASSWORD_RESET', 'INVITATION') or "recipientId" is not null and "organizationId" is not null
) not valid;
alter table "Outbox" drop constraint if exists outbox_to_email;
alter table "Outbox" add constraint outbox_to_email check (
    case kind
        when 'ACCOUNT_DELETED' then "toEmail" is not null or state = 'DONE'
        else (kind in ('CONFIRM_EMAIL', 'EMAIL_CHANGE_REQUESTED', 'EMAIL_CHANGED')) = ("toEmail" is not null)
    end
) not valid;
