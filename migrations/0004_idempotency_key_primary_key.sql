-- The primary key gets the service, under its old name: replicas of the version before go on with their
-- `on conflict on constraint idempotency_key_pkey`, and find the keys of the new version as those find theirs.

-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- The build without locks was interrupted: the index is built again, while writes wait.
do $$
begin
    if exists (
        select from pg_index where indexrelid = 'idempotency_key_by_service'::regclass and not indisvalid
    ) then
        reindex index idempotency_key_by_service;
    end if;
end
$$;

alter table "IdempotencyKey"
    drop constraint idempotency_key_pkey,
    add constraint idempotency_key_pkey primary key using index idempotency_key_by_service;
