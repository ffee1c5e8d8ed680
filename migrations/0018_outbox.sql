-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- Whether the user gets mails about decisions on their events. The release before neither reads nor writes it.
alter table "User" add column if not exists "decisionMails" text not null default 'immediate';

-- Not validated, because that would read all users while nobody can log in. All rows have the default.
alter table "User" drop constraint if exists user_decision_mails;
alter table "User" add constraint user_decision_mails check ("decisionMails" in ('immediate', 'off')) not valid;

-- Mails to send. A row is written with the effect that the mail is about, and holds neither text nor address: these are
-- read when the mail is sent. notification-service deletes rows some days after they are done.
create table if not exists "Outbox" (
    -- A UUIDv7. The Message-ID of the mail is made from it, so that a mail that was sent twice is recognized.
    id uuid constraint outbox_pkey primary key,
    kind text not null,
    "organizationId" uuid not null,
    "recipientId" uuid not null,
    -- The decision on an event: an entry of EventHistory, which is never deleted.
    "historyId" bigint,
    -- The request that caused the mail.
    "correlationId" text not null,
    "createdAt" timestamptz(3) not null default now(),
    -- When the mail is sent, or sent again. While a process sends it, the end of the lease.
    "dueAt" timestamptz(3) not null default now(),
    attempts integer not null default 0,
    "lastError" text,
    state text not null default 'DUE',
    "finishedAt" timestamptz(3),
    constraint outbox_kind check (kind in ('WELCOME', 'EVENT_APPROVED', 'EVENT_REJECTED')),
    constraint outbox_state check (state in ('DUE', 'DONE', 'DEAD')),
    constraint outbox_finished check ((state = 'DUE') = ("finishedAt" is null)),
    constraint outbox_history check ((kind = 'WELCOME') = ("historyId" is null)),
    constraint outbox_correlation_length check (char_length("correlationId") <= 128),
    constraint outbox_error_length check (char_length("lastError") <= 200)
)
-- Every mail leaves two or three dead rows behind, which the default would keep until a fifth of the table is dead.
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

create index if not exists outbox_due_idx on "Outbox" ("dueAt") where state = 'DUE';
create index if not exists outbox_finished_idx on "Outbox" (state, "finishedAt") where state <> 'DUE';
