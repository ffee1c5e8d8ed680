-- no-transaction
-- What a user has done to events. Nothing but this one statement may stand here.
create index concurrently if not exists event_history_actor_idx on "EventHistory" ("actorId", id);
