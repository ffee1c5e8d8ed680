-- The user of a token, as long as the token is right about the user. No row: the user was deleted or disabled, or now
-- has another role or organization. The only place of this rule; every service uses it. PostgreSQL replaces the call
-- with the select itself (it inlines a function like this), so the call costs no more than the select.
create or replace function current_caller(user_id uuid, organization_id uuid, token_role "Role") returns setof "User"
language sql stable as $$
    select * from "User"
    -- No index can serve `is not distinct from`, so the user is always found by id. With `=`, stale statistics could
    -- make PostgreSQL read all users of the organization.
    where id = user_id and "organizationId" is not distinct from organization_id and role = token_role and not disabled
$$;
