CREATE TABLE events (
    key        bigint NOT NULL,
    tail       bigint NOT NULL,
    tenant     text NOT NULL,
    event_type text NOT NULL,
    payload    bytea NOT NULL,
    created_at bigint NOT NULL,
    webhooks   integer NOT NULL,              -- how many it became
    PRIMARY KEY (key, tail)
);
ALTER TABLE events ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE TABLE event_keys (
    tenant      text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    event       bigint NOT NULL,
    event_tail  bigint NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX event_keys_by_age ON event_keys (created_at);
