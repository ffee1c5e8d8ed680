-- no-transaction
-- Finds a text with three letters or digits in a row. The organization is part of the index, so that a search in a small
-- organization does not read the entries of a large one; as an array, because no index but a GIN index can then serve
-- the condition. A search reads all pending entries, so there are few. Nothing but this one statement may stand here.
create index concurrently if not exists idx_events_search_trigrams on "Event"
    using gin ((array["organizationId"]), "searchText" gin_trgm_ops) with (gin_pending_list_limit = 512);
