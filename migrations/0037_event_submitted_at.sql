-- Gives way to a long write, and is tried again: what waits for the table's lock holds up every write behind it.
set local lock_timeout = '500ms';

-- When the owner last submitted the event. Null: never, or it was decided before this column was added.
alter table "Event" add column if not exists "submittedAt" timestamptz(3);

-- The release before does not know the column. Its change of the status has the same time as the submission. So has an event that
-- is inserted as a submitted one.
create or replace function record_submission() returns trigger language plpgsql as $$
begin
    new."submittedAt" := new."updatedAt";
    return new;
end
$$;

-- A writer that knows the column changes it with the status.
create or replace trigger event_submitted before update of status on "Event" for each row
    when (
        new.status = 'SUBMITTED' and old.status <> 'SUBMITTED'
        and new."submittedAt" is not distinct from old."submittedAt"
    )
    execute function record_submission();

create or replace trigger event_submitted_on_insert before insert on "Event" for each row
    when (new.status = 'SUBMITTED' and new."submittedAt" is null)
    execute function record_submission();
