-- no-transaction
-- Finds any shorter text. The organization has another type than in the other index, so that a statement can choose one of
-- the two. Nothing but this one statement may stand here.
create index concurrently if not exists idx_events_search_pairs on "Event"
    using gin ((array["organizationId"::text]), search_pairs("searchText")) with (gin_pending_list_limit = 512);
