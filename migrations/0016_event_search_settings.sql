-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- The default waits until a fifth of the table has changed. Counting a list reads the table itself where no vacuum has
-- passed since the last change.
alter table "Event" set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02);

-- The version before searches and sorts with two other indexes. The next release drops them; a database without events
-- does not need them.
do $$
begin
    if not exists (select from "Event") then
        drop index if exists idx_events_search, idx_events_by_title;
    end if;
end
$$;
