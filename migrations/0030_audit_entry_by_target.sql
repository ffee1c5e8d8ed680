-- no-transaction
-- What the audit says about a user. Nothing but this one statement may stand here.
create index concurrently if not exists audit_entry_target_idx on "AuditEntry" ("organizationId", "targetId", at, id);
