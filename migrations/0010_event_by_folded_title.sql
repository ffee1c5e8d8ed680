-- no-transaction
-- Lists by title. Nothing but this one statement may stand here.
create index concurrently if not exists idx_events_by_folded_title on "Event" ("organizationId", "foldedTitle", id);
