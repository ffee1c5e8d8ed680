-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- The wrong passwords for an account from everywhere. The account is named by an HMAC of its address, so addresses without an
-- account are counted too, and no address that somebody typed is stored. A check counts as wrong from before its password is
-- hashed until the password was right.
create table if not exists "AccountThrottle" (
    account bytea constraint account_throttle_pkey primary key,
    -- The wrong passwords since the time after it.
    failures integer not null default 0,
    "windowStartedAt" timestamptz not null default clock_timestamp(),
    -- Whether the audit has the first refusal of this window.
    "isRecorded" boolean not null default false,
    constraint account_throttle_account_length check (octet_length(account) = 32),
    constraint account_throttle_failures check (failures >= 0)
)
with (fillfactor = 80);

-- What can be deleted.
create index if not exists account_throttle_window_idx on "AccountThrottle" ("windowStartedAt");

-- The wrong passwords for an account from one block of addresses.
create table if not exists "AddressThrottle" (
    account bytea,
    -- An IPv4 address, or the first address of a /64.
    block inet,
    failures integer not null default 0,
    "windowStartedAt" timestamptz not null default clock_timestamp(),
    -- The number of locks in a row, and when the last one ends or has ended.
    locks integer not null default 0,
    "lockedUntil" timestamptz not null default clock_timestamp(),
    -- Whether the audit has the first refusal of this lock.
    "isRecorded" boolean not null default false,
    constraint address_throttle_pkey primary key (account, block),
    constraint address_throttle_account_length check (octet_length(account) = 32),
    constraint address_throttle_failures check (failures >= 0),
    constraint address_throttle_locks check (locks >= 0)
)
with (fillfactor = 80);

-- What can be deleted.
create index if not exists address_throttle_window_idx on "AddressThrottle" ("windowStartedAt");

-- The blocks of addresses that a user logged in from. They are let in while others try to guess the user's password.
create table if not exists "KnownAddress" (
    "userId" uuid constraint known_address_user_fkey references "User" (id) on delete cascade,
    block inet,
    -- A login within a day of this time is not written.
    "lastLoginAt" timestamptz not null default now(),
    constraint known_address_pkey primary key ("userId", block)
);

-- What can be deleted.
create index if not exists known_address_login_idx on "KnownAddress" ("lastLoginAt");

-- How often the user or somebody for them has set another password. A login that has checked an earlier one opens no session. A
-- better hash of the same password changes nothing. The release before neither reads nor writes it.
alter table "User" add column if not exists "passwordVersion" integer not null default 0;

-- Not validated, because that would read all mails while nobody can write one. All rows keep to both already.
alter table "Outbox" drop constraint if exists outbox_kind;
alter table "Outbox" add constraint outbox_kind
    check (kind in ('WELCOME', 'PASSWORD_CHANGED', 'EVENT_APPROVED', 'EVENT_REJECTED')) not valid;
alter table "Outbox" drop constraint if exists outbox_history;
alter table "Outbox" add constraint outbox_history
    check ((kind in ('EVENT_APPROVED', 'EVENT_REJECTED')) = ("historyId" is not null)) not valid;
