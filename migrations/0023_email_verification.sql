-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- When the user proved that the address is theirs. All users so far count as verified. The release before writes null.
alter table "User" add column if not exists "emailVerifiedAt" timestamptz(3) default now();
alter table "User" alter column "emailVerifiedAt" drop default;

-- The address that the user wants instead, until they have proved that it is theirs, or until this time.
alter table "User" add column if not exists "pendingEmail" text;
alter table "User" add column if not exists "pendingEmailExpiresAt" timestamptz(3);
alter table "User" drop constraint if exists user_pending_email;
alter table "User" add constraint user_pending_email
    check (("pendingEmail" is null) = ("pendingEmailExpiresAt" is null)) not valid;

-- The address that a link proves to be the user's. Null: the link proves nothing about an address that could change.
alter table "AccountLink" add column if not exists email text;
alter table "AccountLink" drop constraint if exists account_link_kind;
alter table "AccountLink" add constraint account_link_kind check (kind in ('RESET_PASSWORD', 'VERIFY_EMAIL', 'CHANGE_EMAIL'));
alter table "AccountLink" drop constraint if exists account_link_email;
alter table "AccountLink" add constraint account_link_email check ((kind = 'RESET_PASSWORD') = (email is null));

-- When mails were sent to an address because somebody asked for them, whether or not it is the address of an account. The
-- address is named by an HMAC of its normal form.
create table if not exists "RequestedMail" (
    address bytea constraint requested_mail_pkey primary key,
    -- In the last day.
    "sentAt" timestamptz[] not null,
    "lastSentAt" timestamptz not null,
    constraint requested_mail_address_length check (octet_length(address) = 32)
);

-- What can be deleted.
create index if not exists requested_mail_last_sent_idx on "RequestedMail" ("lastSentAt");

-- Where the request of a mail came from, until it is in the audit: the block of the client's address, and what the client says
-- it is.
alter table "Outbox" add column if not exists "clientAddress" text;
alter table "Outbox" add column if not exists client text;

-- The address that a mail goes to, if it is not the one that the recipient has when the mail is sent.
alter table "Outbox" add column if not exists "toEmail" text;

-- Not validated, because that would read all mails while nobody can write one. All rows keep to it already.
alter table "Outbox" drop constraint if exists outbox_kind;
alter table "Outbox" add constraint outbox_kind check (kind in (
    'WELCOME', 'VERIFY_EMAIL', 'CONFIRM_EMAIL', 'EMAIL_CHANGE_REQUESTED', 'EMAIL_CHANGED', 'PASSWORD_RESET',
    'PASSWORD_CHANGED', 'EVENT_APPROVED', 'EVENT_REJECTED'
)) not valid;
alter table "Outbox" drop constraint if exists outbox_to_email;
alter table "Outbox" add constraint outbox_to_email
    check ((kind in ('CONFIRM_EMAIL', 'EMAIL_CHANGE_REQUESTED', 'EMAIL_CHANGED')) = ("toEmail" is not null)) not valid;
