-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- The build without locks was interrupted: the index is built again, while writes wait.
do $$
begin
    if exists (
        select from pg_index where indexrelid = 'event_history_organization_idx'::regclass and not indisvalid
    ) then
        reindex index event_history_organization_idx;
    end if;
end
$$;
