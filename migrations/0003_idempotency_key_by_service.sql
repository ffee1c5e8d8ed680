-- no-transaction
-- The index of the next migration's primary key, built while keys go on being written. A build that was interrupted
-- leaves an invalid index behind, which the next migration mends. Nothing but this one statement may stand here.
create unique index concurrently if not exists idempotency_key_by_service
    on "IdempotencyKey" ("callerId", service, operation, key);
