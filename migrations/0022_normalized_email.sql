-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- The form in which addresses are compared, if it is not lower(email). It never is for addresses of ASCII characters, unless
-- another account has the same form: then an older account keeps it, and this one has a form that is made unique by its id. The
-- release before writes null.
alter table "User" add column if not exists "normalizedEmail" text;

create unique index if not exists user_normalized_email_key on "User" (coalesce("normalizedEmail", lower(email)));

-- The addresses whose form has to be computed by the release that migrates.
create index if not exists user_email_not_ascii_idx on "User" ("createdAt", id) where octet_length(email) <> char_length(email);

-- The user with an address: the one who spells it just so, or else the one with the same form. The only place of this rule; every
-- service uses it. PostgreSQL replaces the call with the select itself, as for `current_caller`. The release before compares
-- lower(email).
create or replace function user_with_email(typed_email text, normalized_email text) returns setof "User"
language sql stable as $$
    select * from "User"
    where coalesce("normalizedEmail", lower(email)) = normalized_email
        -- The index of lower(email) finds it.
        or lower(email) = lower(typed_email) and email = typed_email
    order by email = typed_email desc
    limit 1
$$;
