-- no-transaction
-- The mails that must go when a user is deleted. Nothing but this one statement may stand here.
create index concurrently if not exists outbox_recipient_idx on "Outbox" ("recipientId");
