-- Who did what to what; append-only.
CREATE TABLE audit (
    tenant     text NOT NULL,
    key        bigint NOT NULL,
    tail       bigint NOT NULL,
    at         bigint NOT NULL,
    token_id   text NOT NULL,
    token_name text NOT NULL,
    action     text NOT NULL,
    subject    text NOT NULL,
    PRIMARY KEY (tenant, key, tail)
);
