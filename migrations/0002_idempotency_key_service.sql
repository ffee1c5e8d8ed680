-- The keys of all services lie in one table: the name of an operation is that of its service and of the gRPC method.
-- Replicas of the version before do not know the column; the keys that they insert are those of events-service.

-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

alter table "IdempotencyKey" add column if not exists service text not null default 'events-service';
