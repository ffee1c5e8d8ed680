-- no-transaction
-- The quota of bytes includes the history, so the history of one organization is counted about once a minute. A build
-- that was interrupted leaves an invalid index behind, which the next migration mends. Nothing but this one statement
-- may stand here.
create index concurrently if not exists event_history_organization_idx on "EventHistory" ("organizationId");
