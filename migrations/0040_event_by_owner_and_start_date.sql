-- no-transaction
-- The events of a user with one status by start. Nothing but this one statement may stand here.
create index concurrently if not exists idx_events_by_owner_status_and_start_date
    on "Event" ("organizationId", "createdById", status, "startDate", id);
