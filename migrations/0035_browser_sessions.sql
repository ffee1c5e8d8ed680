-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- The SHA-256 of the secret that a browser continues the session with. Null: the session has refresh tokens. The release before
-- neither reads nor writes the column.
alter table "Session" add column if not exists "browserSecretHash" bytea;

-- Not validated, because that would read all sessions while nobody can open one. All rows keep to it already.
alter table "Session" drop constraint if exists session_browser_secret_hash_length;
alter table "Session" add constraint session_browser_secret_hash_length
    check (octet_length("browserSecretHash") = 32) not valid;
