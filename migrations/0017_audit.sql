-- Who did what in an organization, besides what happened to its events, which "EventHistory" records. It survives users
-- and organizations (no foreign keys), and names people by their ids only.
create table if not exists "AuditEntry" (
    id bigint generated always as identity constraint audit_entry_pkey primary key,
    at timestamptz(3) not null default clock_timestamp(),
    -- Null: the entry belongs to no organization.
    "organizationId" uuid,
    -- Null: the operator.
    "actorId" uuid,
    action text not null,
    "targetType" text,
    "targetId" uuid,
    -- The block of the client's address.
    address text,
    -- What the client says it is.
    client text,
    "correlationId" text,
    details jsonb not null,
    constraint audit_entry_target check (("targetType" is null) = ("targetId" is null)),
    constraint audit_entry_client_length check (char_length(client) <= 200),
    constraint audit_entry_details check (jsonb_typeof(details) = 'object')
)
-- A failed login to an unknown account leaves a dead row behind, which the default would keep until a fifth of the table is
-- dead.
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);

-- What is older than the retention.
create index if not exists audit_entry_at_idx on "AuditEntry" (at);
-- The audit of an organization, of one of its users, and of one kind of action.
create index if not exists audit_entry_organization_idx on "AuditEntry" ("organizationId", at, id);
create index if not exists audit_entry_actor_idx on "AuditEntry" ("organizationId", "actorId", at, id);
create index if not exists audit_entry_action_idx on "AuditEntry" ("organizationId", action, at, id);

-- Nobody can change an entry, or delete one of the last 30 days.
create or replace function audit_entry_is_append_only() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and old.at < now() - interval '30 days' then
        return old;
    end if;
    raise exception 'AuditEntry is append-only' using errcode = 'restrict_violation';
end
$$;

create or replace trigger audit_entry_append_only
    before update or delete on "AuditEntry"
    for each row execute function audit_entry_is_append_only();

create or replace trigger audit_entry_not_truncated
    before truncate on "AuditEntry"
    for each statement execute function audit_entry_is_append_only();

-- Deletes a number of the oldest entries that are older than the retention. The services may call it, although they may
-- not delete entries themselves. Replicas may call it at the same time.
create or replace function delete_old_audit_entries(retention interval, batch_size integer) returns integer
language sql security definer set search_path = public, pg_temp as $$
    with deleted as (
        delete from "AuditEntry" where id = any (array(
            select id from "AuditEntry" where at < now() - greatest(retention, interval '30 days')
            order by at limit least(batch_size, 10000) for update skip locked
        ))
        returning id
    )
    select count(*)::integer from deleted
$$;

revoke execute on function delete_old_audit_entries(interval, integer) from public;
