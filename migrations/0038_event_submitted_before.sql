-- no-transaction
-- When the events that wait already were submitted. Each one is committed by itself, so that nobody waits for a row for long, and
-- without waiting for the disk: what a crash loses is written again. Nothing but this one statement may stand here.
do $$
declare
    waiting uuid;
    setting text := current_setting('synchronous_commit');
begin
    perform set_config('synchronous_commit', 'off', false);
    for waiting in select id from "Event" where status = 'SUBMITTED' and "submittedAt" is null loop
        update "Event" set "submittedAt" = coalesce(
            (
                select at from "EventHistory" where "eventId" = waiting and action = 'SUBMIT'
                order by "EventHistory".id desc limit 1
            ),
            "updatedAt"
        )
        where id = waiting and status = 'SUBMITTED' and "submittedAt" is null;
        commit;
    end loop;
    perform set_config('synchronous_commit', setting, false);
end
$$;
