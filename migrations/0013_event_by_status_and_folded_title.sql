-- no-transaction
-- Lists of one status by title. Nothing but this one statement may stand here.
create index concurrently if not exists idx_events_by_status_and_folded_title on "Event" ("organizationId", status, "foldedTitle", id);
