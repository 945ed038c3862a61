-- Instants are microseconds since the epoch, UTC. A webhook's key is the 60-bit
-- time-ordered half of its id, tail the 62 random bits: ids sort as integers.
-- States: 0 queued, 1 retrying, 2 delivered, 3 failed, 4 cancelled.

CREATE TABLE IF NOT EXISTS webhooks (
    key           INTEGER PRIMARY KEY,
    tail          INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    token         INTEGER NOT NULL,  -- fences late writers
    due_at        INTEGER NOT NULL,
    lease_until   INTEGER,           -- null when free
    owner         TEXT,              -- the process that holds the lease
    leases_taken  INTEGER NOT NULL,  -- minus attempts: leases that vanished
    attempts      INTEGER NOT NULL DEFAULT 0,
    schedule_step INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    delivered_at  INTEGER,
    lane          TEXT NOT NULL,
    tenant        TEXT NOT NULL,
    endpoint_id   TEXT,
    url           TEXT,
    method        TEXT NOT NULL,
    event_type    TEXT,
    timeout_s     REAL,
    headers       TEXT,
    payload       BLOB NOT NULL
) STRICT;

-- Only free rows are in it, so the happy path (born leased, then final) never touches it.
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (lane, due_at)
    WHERE state < 2 AND lease_until IS NULL;
-- Expired leases at run time, every lease at start-up.
CREATE INDEX IF NOT EXISTS webhooks_leased ON webhooks (lease_until)
    WHERE lease_until IS NOT NULL;
CREATE INDEX IF NOT EXISTS webhooks_by_endpoint ON webhooks (endpoint_id, key)
    WHERE endpoint_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS webhooks_retrying ON webhooks (key) WHERE state = 1;
CREATE INDEX IF NOT EXISTS webhooks_failed ON webhooks (key) WHERE state = 3;
CREATE INDEX IF NOT EXISTS webhooks_cancelled ON webhooks (key) WHERE state = 4;
-- Who fails is found without a look at what was delivered; deliveries never touch it.
CREATE INDEX IF NOT EXISTS webhooks_in_trouble ON webhooks (endpoint_id, key)
    WHERE state IN (1, 3) AND endpoint_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS attempts (
    webhook       INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    duration_s    REAL NOT NULL,
    status        INTEGER,
    error         TEXT,
    detail        TEXT,
    retry_after_s REAL,
    headers       BLOB NOT NULL,
    body          BLOB NOT NULL,
    PRIMARY KEY (webhook, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS idempotency_keys (
    tenant      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    webhook     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE IF NOT EXISTS closed_lanes (
    lane   TEXT PRIMARY KEY,
    until  INTEGER,                  -- null: until it is opened
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Endpoints, tenants and tokens as JSON documents: few, and cached whole by every process.
CREATE TABLE IF NOT EXISTS documents (
    kind     TEXT NOT NULL,
    id       TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- Who did what to what; append-only.
CREATE TABLE IF NOT EXISTS audit (
    tenant     TEXT NOT NULL,
    key        INTEGER NOT NULL,
    tail       INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    token_id   TEXT NOT NULL,
    token_name TEXT NOT NULL,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    PRIMARY KEY (tenant, key, tail)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS events (
    key        INTEGER NOT NULL,
    tail       INTEGER NOT NULL,
    tenant     TEXT NOT NULL,
    event_type TEXT NOT NULL,
    payload    BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    webhooks   INTEGER NOT NULL,     -- how many it became
    PRIMARY KEY (key, tail)
) STRICT;

CREATE TABLE IF NOT EXISTS event_keys (
    tenant      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    event       INTEGER NOT NULL,
    event_tail  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_keys_by_age ON event_keys (created_at);
