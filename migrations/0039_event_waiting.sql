-- no-transaction
-- The events that wait for approval, the longest waiting first, and when they start. Nothing but this one statement may stand here.
create index concurrently if not exists idx_events_waiting
    on "Event" ("organizationId", "submittedAt", id) include ("startDate") where status = 'SUBMITTED';
