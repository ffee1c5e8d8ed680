-- no-transaction
-- The members with a role, in the order of their names, and whether an ADMIN is left. Nothing but this one statement may stand
-- here.
create index concurrently if not exists user_by_role_and_name_idx
    on "User" ("organizationId", role, lower("lastName"), lower("firstName"), id);
