-- no-transaction
-- The beginnings of words in the names and addresses of members. Nothing but this one statement may stand here.
create index concurrently if not exists user_search_idx
    on "User" using gin (lower(' ' || "firstName" || ' ' || "lastName" || ' ' || email) gin_trgm_ops);
