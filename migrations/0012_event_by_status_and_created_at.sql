-- no-transaction
-- Lists of one status by creation. Nothing but this one statement may stand here.
create index concurrently if not exists idx_events_by_status_and_created_at on "Event" ("organizationId", status, "createdAt", id);
