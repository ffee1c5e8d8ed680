-- no-transaction
-- The beginnings of words in the names and addresses of the members of an organization. Nothing but this one statement may stand
-- here.
create index concurrently if not exists user_search_idx on "User" using gin (
    (array["organizationId"]), lower(' ' || "firstName" || ' ' || "lastName" || ' ' || email) gin_trgm_ops
);
