-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- The sessions of a user that have ended, and all sessions of a user who is deleted.
create index if not exists session_by_user_idx on "Session" ("userId", "lastUsedAt");
