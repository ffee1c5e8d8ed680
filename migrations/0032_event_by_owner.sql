-- no-transaction
-- The events of a user, by status: what somebody else may see, what goes with the user, and what the user takes along. Nothing but
-- this one statement may stand here.
create index concurrently if not exists event_by_owner_idx on "Event" ("createdById", status, id);
