-- Instants are microseconds since the epoch, UTC. A webhook's key is the 60-bit
-- time-ordered half of its id, tail the 62 random bits: ids sort as integers, and
-- a range of keys is a range of time, so partitions by key are partitions by day.
-- States: 0 queued, 1 retrying, 2 delivered, 3 failed, 4 cancelled.

CREATE TABLE webhooks (
    key           bigint NOT NULL,
    tail          bigint NOT NULL,
    state         smallint NOT NULL DEFAULT 0,
    token         bigint NOT NULL DEFAULT 1,  -- fences late writers
    due_at        bigint NOT NULL,
    lease_until   bigint,                     -- null when free
    owner         text,                       -- who holds the lease; null while it lies in a broker
    leases_taken  integer NOT NULL,           -- minus attempts: leases that vanished
    attempts      integer NOT NULL DEFAULT 0,
    schedule_step integer NOT NULL DEFAULT 0,
    created_at    bigint NOT NULL,
    delivered_at  bigint,
    lane          text NOT NULL,
    tenant        text NOT NULL,
    endpoint_id   text,
    url           text,
    method        text NOT NULL,
    event_type    text,
    timeout_s     double precision,
    headers       text,
    payload       bytea NOT NULL,
    PRIMARY KEY (key)
) PARTITION BY RANGE (key);

-- Compressing a payload costs more than the space it saves is worth.
ALTER TABLE webhooks ALTER COLUMN payload SET STORAGE EXTERNAL;

-- Only free rows are in it, so the happy path (born leased, then final) never touches it.
CREATE INDEX webhooks_due ON webhooks (lane, due_at, key)
    WHERE state < 2 AND lease_until IS NULL;
-- Expired leases, and those of owners that are gone.
CREATE INDEX webhooks_leased ON webhooks (lease_until)
    WHERE lease_until IS NOT NULL;
CREATE INDEX webhooks_by_endpoint ON webhooks (endpoint_id, key)
    WHERE endpoint_id IS NOT NULL;
CREATE INDEX webhooks_retrying ON webhooks (key) WHERE state = 1;
CREATE INDEX webhooks_failed ON webhooks (key) WHERE state = 3;
CREATE INDEX webhooks_cancelled ON webhooks (key) WHERE state = 4;

-- Attempts lie in partitions of the same bounds as their webhooks: both are dropped together.
CREATE TABLE attempts (
    webhook       bigint NOT NULL,
    number        integer NOT NULL,
    started_at    bigint NOT NULL,
    duration_s    double precision NOT NULL,
    status        integer,
    error         text,
    detail        text,
    retry_after_s double precision,
    headers       bytea NOT NULL,
    body          bytea NOT NULL,
    PRIMARY KEY (webhook, number)
) PARTITION BY RANGE (webhook);

-- What no partition of a day covers: ids from a clock that was far off.
CREATE TABLE webhooks_other PARTITION OF webhooks DEFAULT;
CREATE TABLE attempts_other PARTITION OF attempts DEFAULT;

CREATE TABLE idempotency_keys (
    tenant      text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    webhook     bigint NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE closed_lanes (
    lane   text PRIMARY KEY,
    until  bigint,                            -- null: until it is opened
    reason text NOT NULL
);

-- Endpoints, tenants and tokens as sealed documents: few, and cached by every process.
CREATE TABLE documents (
    kind     text NOT NULL,
    id       text NOT NULL,
    document bytea NOT NULL,
    PRIMARY KEY (kind, id)
);

-- One row per living process; beat_at is the database's own clock.
CREATE TABLE processes (
    owner     text PRIMARY KEY,
    role      text NOT NULL,
    version   text NOT NULL,
    beat_at   timestamptz NOT NULL,
    published bigint NOT NULL,                -- leases handed to the queue since its start
    taken     bigint NOT NULL,                -- leases taken from it
    in_flight bigint NOT NULL,
    slot      smallint NOT NULL UNIQUE CHECK (slot BETWEEN 0 AND 127)  -- ends the ids it makes
) WITH (fillfactor = 50);

-- Published minus taken of the processes that are gone.
CREATE TABLE queue_carry (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    leases   bigint NOT NULL
);
INSERT INTO queue_carry (leases) VALUES (0);
