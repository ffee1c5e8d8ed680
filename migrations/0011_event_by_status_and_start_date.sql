-- no-transaction
-- Lists of one status by start. Nothing but this one statement may stand here.
create index concurrently if not exists idx_events_by_status_and_start_date on "Event" ("organizationId", status, "startDate", id);
