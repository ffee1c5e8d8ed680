-- no-transaction
-- The events of a user: what somebody else may see of them, what goes with the user, and what the user takes along. Nothing but this
-- one statement may stand here.
create index concurrently if not exists event_by_owner_idx on "Event" ("createdById", id) include (status);
