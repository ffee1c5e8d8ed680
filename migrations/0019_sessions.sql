-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- Access tokens without a session are valid only if they were issued at this time or later. The release before issues such
-- tokens, and neither reads nor writes the column.
alter table "User" add column if not exists "tokensValidFrom" timestamptz not null default '-infinity';

-- What a login or a signup begins and a refresh token continues. A session that has ended stays until it would have expired,
-- so that its tokens are still recognized.
create table if not exists "Session" (
    id uuid constraint session_pkey primary key,
    "userId" uuid not null constraint session_user_fkey references "User" (id) on delete cascade,
    -- Random bytes. The refresh tokens of the session are made of them and of a key that is not stored.
    seed bytea not null,
    -- The name of the key with which the token of the current generation is made.
    "keyName" bytea not null,
    -- The number of the current tokens. Each refresh makes the next generation.
    generation integer not null default 1,
    -- When an access token of the current generation was first seen.
    "seenAt" timestamptz,
    -- The refreshes since the time after it, for their limit.
    refreshes integer not null default 0,
    "refreshesSince" timestamptz not null default now(),
    "createdAt" timestamptz(3) not null default now(),
    -- The login, or the last refresh that made a generation.
    "lastUsedAt" timestamptz(3) not null default now(),
    "expiresAt" timestamptz(3) not null,
    "revokedAt" timestamptz(3),
    -- What the client of the last use says it is, and the block of its address.
    client text,
    address text not null,
    constraint session_seed_length check (octet_length(seed) = 32),
    constraint session_key_name_length check (octet_length("keyName") = 8),
    constraint session_generation check (generation >= 1),
    constraint session_client_length check (char_length(client) <= 200)
)
with (fillfactor = 80);

-- The sessions of a user, the last used first.
create index if not exists session_user_idx on "Session" ("userId", "lastUsedAt") where "revokedAt" is null;
-- What can be deleted.
create index if not exists session_expires_idx on "Session" ("expiresAt");

-- The user of a token, as long as the token is right about the user and its session has not ended. A token without a session
-- must not be older than the user allows. No row: the user was deleted or disabled, or now has another role or organization,
-- or the session has ended. The only place of this rule; every service uses it. PostgreSQL replaces the call with the select
-- itself, as for the function of the same name with three parameters, which the release before uses.
create or replace function current_caller(
    user_id uuid, organization_id uuid, token_role "Role", session_id uuid, issued_at timestamptz
) returns setof "User" language sql stable as $$
    select * from "User"
    -- No index can serve `is not distinct from`, so the user is always found by id. With `=`, stale statistics could
    -- make PostgreSQL read all users of the organization.
    where id = user_id and "organizationId" is not distinct from organization_id and role = token_role and not disabled
        and case
            when session_id is null then issued_at >= "tokensValidFrom"
            else exists (
                select from "Session"
                where "Session".id = session_id and "Session"."userId" is not distinct from user_id
                    and "Session"."revokedAt" is null and "Session"."expiresAt" > now()
            )
        end
$$;
