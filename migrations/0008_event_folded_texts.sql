-- The texts of an event as searches and the order by title compare them: normalized and case-folded by
-- eventboard_domain::fold. PostgreSQL has no such function, so services write these columns with every text.

-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

alter table "Event"
    add column if not exists "foldedTitle" text collate "C",
    -- The folded title and the folded description, separated by U+001F.
    add column if not exists "searchText" text collate "C",
    -- The version of the event of which these texts were folded. Null: they are missing or approximate, and a migration or
    -- events-service will fold them.
    add column if not exists "foldedVersion" bigint;

-- Replicas of the version before do not know these columns. Until the new version has folded what they write, these
-- texts are found in lower case.
create or replace function approximate_folded_texts() returns trigger language plpgsql as $$
begin
    new."foldedTitle" := lower(new.title);
    new."searchText" := lower(new.title) || U&'\001F' || lower(new.description);
    new."foldedVersion" := null;
    return new;
end
$$;

create or replace trigger event_folded_texts_of_insert before insert on "Event" for each row
    when (new."foldedVersion" is null)
    execute function approximate_folded_texts();

-- A writer that knows the columns changes the folded version with the texts.
create or replace trigger event_folded_texts_of_update before update of title, description on "Event" for each row
    when (
        (new.title <> old.title or new.description <> old.description)
        and new."foldedVersion" is not distinct from old."foldedVersion"
    )
    execute function approximate_folded_texts();

-- The pairs of neighbors in a text, and the single characters except the most frequent ones, as numbers: the code points,
-- of which each has 21 bits. The trigrams of pg_trgm cannot find a text with less than three letters or digits in a row.
-- As numbers, and with duplicates, the index is built twice as fast. The cost keeps PostgreSQL from computing the pairs
-- where an index has them.
create or replace function search_pairs(searched text) returns bigint[]
language plpgsql immutable strict parallel safe cost 10000 as $$
declare
    characters text[] := string_to_array(searched, null);
    singles text[] := string_to_array(regexp_replace(searched, '[a-z0-9 ]+', '', 'g'), null);
begin
    return array(
        select ascii(first)::bigint << 21 | ascii(second)
        from unnest(characters, characters[2:]) as pair (first, second)
        where second is not null
    ) || array(select ascii(single)::bigint from unnest(singles) as single);
end
$$;
