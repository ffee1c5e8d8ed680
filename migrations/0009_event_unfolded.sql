-- no-transaction
-- Finds the events whose texts are not folded: all of them in this migration, and later those that a replica of the
-- version before has written. Nothing but this one statement may stand here.
create index concurrently if not exists idx_events_unfolded on "Event" (id) where "foldedVersion" is null;
