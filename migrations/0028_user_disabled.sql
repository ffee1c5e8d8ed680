-- no-transaction
-- The members who cannot log in, in the order of their names. Nothing but this one statement may stand here.
create index concurrently if not exists user_disabled_idx
    on "User" ("organizationId", lower("lastName"), lower("firstName"), id) where disabled;
