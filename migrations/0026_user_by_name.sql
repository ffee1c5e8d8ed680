-- no-transaction
-- The members of an organization in the order of their names. Nothing but this one statement may stand here.
create index concurrently if not exists user_by_name_idx on "User" ("organizationId", lower("lastName"), lower("firstName"), id);
