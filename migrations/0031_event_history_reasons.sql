-- no-transaction
-- The reasons that a user has written. Nothing but this one statement may stand here.
create index concurrently if not exists event_history_reasons_idx on "EventHistory" ("actorId", id) where reason is not null;
