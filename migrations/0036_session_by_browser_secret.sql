-- no-transaction
-- The session of a browser's secret. Nothing but this one statement may stand here.
create unique index concurrently if not exists session_browser_secret_key
    on "Session" ("browserSecretHash") where "browserSecretHash" is not null;
