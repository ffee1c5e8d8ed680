-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- Links in mails with which a user does something once, without being signed in. The token in a link is made of the seed and of
-- a key that is not stored.
create table if not exists "AccountLink" (
    id uuid constraint account_link_pkey primary key,
    "userId" uuid not null constraint account_link_user_fkey references "User" (id) on delete cascade,
    kind text not null,
    seed bytea not null,
    "createdAt" timestamptz(3) not null default now(),
    "expiresAt" timestamptz(3) not null,
    -- When it was used, or withdrawn by what made it pointless.
    "endedAt" timestamptz(3),
    constraint account_link_kind check (kind in ('RESET_PASSWORD')),
    constraint account_link_seed_length check (octet_length(seed) = 32)
);

-- How many mails with links a user got.
create index if not exists account_link_user_idx on "AccountLink" ("userId", "createdAt");
-- What can be deleted.
create index if not exists account_link_created_idx on "AccountLink" ("createdAt");

-- A mail that somebody asked for without being signed in has no recipient before notification-service has looked the account up.
-- The release before skips such a mail.
alter table "Outbox" alter column "organizationId" drop not null;
alter table "Outbox" alter column "recipientId" drop not null;
-- What was typed, until it is looked up.
alter table "Outbox" add column if not exists "typedEmail" text;
-- The link in the mail.
alter table "Outbox" add column if not exists "linkId" uuid;

-- Not validated, because that would read all mails while nobody can write one. All rows keep to them already.
alter table "Outbox" drop constraint if exists outbox_kind;
alter table "Outbox" add constraint outbox_kind
    check (kind in ('WELCOME', 'PASSWORD_RESET', 'PASSWORD_CHANGED', 'EVENT_APPROVED', 'EVENT_REJECTED')) not valid;
alter table "Outbox" drop constraint if exists outbox_recipient;
alter table "Outbox" add constraint outbox_recipient check (
    kind = 'PASSWORD_RESET' or "recipientId" is not null and "organizationId" is not null
) not valid;
alter table "Outbox" drop constraint if exists outbox_typed_email_length;
alter table "Outbox" add constraint outbox_typed_email_length check (char_length("typedEmail") <= 254) not valid;
