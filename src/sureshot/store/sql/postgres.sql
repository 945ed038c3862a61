-- claim_keys --
INSERT INTO idempotency_keys AS known (tenant, key, fingerprint, webhook, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[])
ON CONFLICT (tenant, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, webhook = excluded.webhook,
        created_at = excluded.created_at
    WHERE known.created_at <= excluded.created_at - 86400000000
RETURNING webhook;

-- known_keys --
SELECT k.tenant, k.key, k.fingerprint, k.webhook, w.tail, w.created_at, w.state
FROM unnest($1::text[], $2::text[]) AS wanted (tenant, key)
JOIN idempotency_keys k ON k.tenant = wanted.tenant AND k.key = wanted.key
JOIN webhooks w ON w.key = k.webhook;

-- record --
WITH result AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[],
                         $6::integer[], $7::integer[], $8::bigint[], $9::float8[],
                         $10::integer[], $11::text[], $12::text[], $13::float8[],
                         $14::bytea[], $15::bytea[])
        AS r (key, token, state, due_at, delivered_at, number, step, started_at, duration_s,
              status, error, detail, retry_after_s, headers, body)
), applied AS (
    UPDATE webhooks w
    SET state = r.state, due_at = coalesce(r.due_at, w.due_at), delivered_at = r.delivered_at,
        attempts = r.number, schedule_step = r.step, lease_until = NULL, owner = NULL,
        token = w.token + 1
    FROM result r
    WHERE w.key = r.key AND w.token = r.token
    RETURNING r.*
), logged AS (
    INSERT INTO attempts (webhook, number, started_at, duration_s, status, error, detail,
                          retry_after_s, headers, body)
    SELECT key, number, started_at, duration_s, status, error, detail, retry_after_s, headers, body
    FROM applied
)
SELECT key, token FROM applied;

-- lock_webhook --
SELECT attempts, state, token FROM webhooks WHERE key = $1 FOR UPDATE;

-- same_attempt --
SELECT 1 FROM attempts WHERE webhook = $1 AND number = $2 AND started_at = $3 AND duration_s = $4;

-- insert_attempt --
INSERT INTO attempts (webhook, number, started_at, duration_s, status, error, detail,
                      retry_after_s, headers, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- apply_decision --
UPDATE webhooks
SET state = $1, due_at = coalesce($2, due_at), delivered_at = $3, attempts = $4,
    schedule_step = $5, lease_until = NULL, owner = NULL, token = token + 1
WHERE key = $6 AND token = $7;

-- count_attempt --
UPDATE webhooks SET attempts = $1 WHERE key = $2;

-- finish_late --
UPDATE webhooks
SET state = 2, delivered_at = $1, lease_until = NULL, owner = NULL, token = token + 1
WHERE key = $2;

-- renew --
-- A token that is still the same says that the lease is: whatever ends one moves it on.
UPDATE webhooks w SET lease_until = $3, owner = $4, token = w.token + 1
FROM unnest($1::bigint[], $2::bigint[]) AS held (key, token)
WHERE w.key = held.key AND w.token = held.token
RETURNING w.key;

-- release --
UPDATE webhooks w
SET lease_until = NULL, owner = NULL, token = w.token + 1, leases_taken = w.leases_taken - 1,
    due_at = coalesce($3, w.due_at)
FROM unnest($1::bigint[], $2::bigint[]) AS held (key, token)
WHERE w.key = held.key AND w.token = held.token;

-- suspect --
UPDATE webhooks w
SET lease_until = NULL, owner = NULL, token = w.token + 1, leases_taken = w.leases_taken + $3
FROM unnest($1::bigint[], $2::bigint[]) AS held (key, token)
WHERE w.key = held.key AND w.token = held.token;

-- paused_and_next_end --
SELECT EXISTS (SELECT 1 FROM documents WHERE kind = 'Pause') AS paused,
       (SELECT lease_until FROM webhooks WHERE lease_until IS NOT NULL
        ORDER BY lease_until LIMIT 1) AS next_end;

-- void_expired --
UPDATE webhooks
SET lease_until = NULL, owner = NULL, token = token + 1, leases_taken = leases_taken - 1
WHERE lease_until IS NOT NULL AND lease_until <= $1;

-- waiting_lanes --
WITH RECURSIVE hop (lane, count) AS (
    (SELECT lane, 1 FROM webhooks WHERE state < 2 AND lease_until IS NULL AND lane > $1
     ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT w.lane FROM webhooks w
            WHERE w.state < 2 AND w.lease_until IS NULL AND w.lane > hop.lane
            ORDER BY w.lane LIMIT 1), hop.count + 1
    FROM hop WHERE hop.lane IS NOT NULL AND hop.count < $2
)
SELECT hop.lane, first.due_at, closed.lane IS NOT NULL AS closed, closed.until, closed.reason,
       hop.lane <= $3 AS up_to_start
FROM hop
CROSS JOIN LATERAL (
    SELECT w.due_at FROM webhooks w
    WHERE w.state < 2 AND w.lease_until IS NULL AND w.lane = hop.lane
    ORDER BY w.due_at LIMIT 1
) first
LEFT JOIN closed_lanes closed ON closed.lane = hop.lane
WHERE hop.lane IS NOT NULL
ORDER BY hop.lane;

-- first_due --
SELECT wanted.lane, first.due_at, closed.lane IS NOT NULL AS closed, closed.until
FROM unnest($1::text[]) AS wanted (lane)
CROSS JOIN LATERAL (
    SELECT w.due_at FROM webhooks w
    WHERE w.state < 2 AND w.lease_until IS NULL AND w.lane = wanted.lane
    ORDER BY w.due_at LIMIT 1
) first
LEFT JOIN closed_lanes closed ON closed.lane = wanted.lane;

-- claim_probes --
UPDATE closed_lanes SET until = $2
WHERE lane = ANY ($1::text[]) AND until <= $3
RETURNING lane;

-- pick_due --
SELECT picked.key, picked.crashes, picked.size, wanted.lane
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS wanted (lane, room, place)
CROSS JOIN LATERAL (
    SELECT w.key, w.leases_taken - w.attempts AS crashes, octet_length(w.payload) AS size
    FROM webhooks w
    WHERE w.state < 2 AND w.lease_until IS NULL AND w.lane = wanted.lane AND w.due_at <= $3
    ORDER BY w.due_at, w.key
    LIMIT wanted.room
    FOR UPDATE SKIP LOCKED
) picked
LIMIT $4;

-- take_leases --
UPDATE webhooks w
SET lease_until = $2, owner = $3, token = w.token + 1, leases_taken = w.leases_taken + 1
FROM unnest($1::bigint[]) AS picked (key)
WHERE w.key = picked.key
RETURNING w.key, w.tail, w.token, w.attempts, w.schedule_step, w.tenant, w.lane, w.endpoint_id,
          w.url, w.method, w.headers, w.payload, w.created_at, w.timeout_s, w.due_at;

-- fail_crashed --
UPDATE webhooks SET state = 3, attempts = attempts + 1, token = token + 1 WHERE key = $1
RETURNING attempts;

-- webhook --
SELECT * FROM webhooks WHERE key = $1 AND tail = $2 AND tenant = $3;

-- payload_sizes --
SELECT w.key, octet_length(w.payload)
FROM unnest($1::bigint[]) AS wanted (key) JOIN webhooks w ON w.key = wanted.key;

-- payloads --
SELECT w.key, w.payload
FROM unnest($1::bigint[]) AS wanted (key) JOIN webhooks w ON w.key = wanted.key;

-- webhook_for_update --
SELECT * FROM webhooks WHERE key = $1 AND tail = $2 AND tenant = $3 FOR UPDATE;

-- attempts --
SELECT number, started_at, duration_s, status, error, detail, retry_after_s, headers, body
FROM attempts WHERE webhook = $1 ORDER BY number;

-- last_attempts --
SELECT wanted.key, last.*
FROM unnest($1::bigint[]) AS wanted (key)
CROSS JOIN LATERAL (
    SELECT number, started_at, duration_s, status, error, detail, retry_after_s, headers, body
    FROM attempts WHERE webhook = wanted.key ORDER BY number DESC LIMIT 1
) last;

-- cancel --
UPDATE webhooks SET state = 4, lease_until = NULL, owner = NULL, token = token + 1 WHERE key = $1;

-- pick_waiting --
SELECT key FROM webhooks
WHERE state < 2 AND lease_until IS NULL AND lane = $1 AND endpoint_id IS NOT NULL
ORDER BY due_at LIMIT $2 FOR UPDATE;

-- cancel_keys --
UPDATE webhooks SET state = 4, token = token + 1
WHERE key BETWEEN $1 AND $2 AND key = ANY ($3::bigint[]);

-- cancel_leased --
UPDATE webhooks SET state = 4, lease_until = NULL, owner = NULL, token = token + 1
WHERE lease_until IS NOT NULL AND lane = $1 AND endpoint_id IS NOT NULL;

-- retry --
UPDATE webhooks
SET state = CASE attempts WHEN 0 THEN 0 ELSE 1 END, due_at = $1, schedule_step = 0,
    delivered_at = NULL, lease_until = NULL, owner = NULL, token = token + 1,
    leases_taken = attempts
WHERE key = $2;

-- counts --
SELECT (SELECT count(*) FROM webhooks WHERE state < 2 AND lease_until IS NULL) AS free,
       (SELECT count(*) FROM webhooks WHERE lease_until IS NOT NULL) AS leased;

-- latest --
SELECT key, tail FROM webhooks ORDER BY key DESC LIMIT 1;

-- closed_lanes --
SELECT lane, until, reason FROM closed_lanes;

-- close_lanes --
INSERT INTO closed_lanes SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])
ON CONFLICT (lane) DO UPDATE SET until = excluded.until, reason = excluded.reason
    WHERE excluded.reason = 'disabled'
       OR closed_lanes.reason <> 'disabled'
          AND (excluded.reason <> 'full' OR closed_lanes.reason = 'full'
               OR closed_lanes.until <= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
RETURNING lane;

-- open_full --
DELETE FROM closed_lanes WHERE lane = ANY ($1::text[]) AND reason = $2 RETURNING lane;

-- open_lanes --
WITH opened AS (
    DELETE FROM closed_lanes WHERE lane = ANY ($1::text[]) AND reason <> 'disabled'
)
SELECT wanted.lane FROM unnest($1::text[]) AS wanted (lane)
WHERE NOT EXISTS (SELECT 1 FROM closed_lanes closed
                  WHERE closed.lane = wanted.lane AND closed.reason = 'disabled');

-- enable_lane --
DELETE FROM closed_lanes WHERE lane = $1 AND reason = 'disabled' RETURNING lane;

-- forget_lane --
DELETE FROM closed_lanes WHERE lane = $1 RETURNING lane;

-- forget_old_lanes --
DELETE FROM closed_lanes WHERE until <= $1;

-- put_document --
INSERT INTO documents VALUES ($1, $2, $3)
ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document;

-- replace_documents --
UPDATE documents d SET document = n.new
FROM unnest($2::text[], $3::bytea[], $4::bytea[]) AS n (id, old, new)
WHERE d.kind = $1 AND d.id = n.id AND d.document = n.old
RETURNING d.id;

-- delete_document --
DELETE FROM documents WHERE kind = $1 AND id = $2;

-- documents --
SELECT id, document FROM documents WHERE kind = $1 ORDER BY id COLLATE "C";

-- document --
SELECT document FROM documents WHERE kind = $1 AND id = $2;

-- document_for_update --
SELECT document FROM documents WHERE kind = $1 AND id = $2 FOR UPDATE;

-- announce --
SELECT count(pg_notify('sureshot', told)) FROM unnest($1::text[]) AS told;

-- beat --
WITH beaten AS (
INSERT INTO processes AS p (owner, role, version, beat_at, published, taken, in_flight, cpu_s, starved_s,
                            slot)
VALUES ($1, $2, $3, clock_timestamp(), $4, $5, $6, $8, $9,
        (SELECT free FROM generate_series(0, 127) free
         WHERE NOT EXISTS (SELECT 1 FROM processes taken WHERE taken.slot = free)
         ORDER BY free LIMIT 1))
ON CONFLICT (owner) DO UPDATE
    SET role = excluded.role, beat_at = excluded.beat_at, published = excluded.published, taken = excluded.taken,
        in_flight = excluded.in_flight, cpu_s = excluded.cpu_s, starved_s = excluded.starved_s
RETURNING xmax = 0 AS is_new, slot
), back AS (
    -- It was buried, and what it had left behind then was carried: now it counts by itself.
    UPDATE queue_carry SET leases = leases - $7 WHERE $7 <> 0 AND (SELECT is_new FROM beaten)
)
SELECT is_new, slot FROM beaten;

-- census --
SELECT owner, role, version, published, taken, in_flight, cpu_s, starved_s,
       extract(epoch FROM clock_timestamp() - beat_at)::float8 AS silent_s,
       clock_timestamp() AS now, (SELECT leases FROM queue_carry) AS carry
FROM processes ORDER BY owner;

-- bury --
DELETE FROM processes
WHERE owner = $1 OR beat_at < $2::timestamptz
RETURNING owner, published - taken AS left_behind;

-- carry --
UPDATE queue_carry SET leases = leases + $1;

-- set_carry --
UPDATE queue_carry SET leases = $1 - (SELECT coalesce(sum(published - taken), 0) FROM processes);

-- void_owned --
UPDATE webhooks SET lease_until = NULL, owner = NULL, token = token + 1
WHERE lease_until IS NOT NULL AND owner = ANY ($1::text[]);

-- void_orphans --
UPDATE webhooks SET lease_until = NULL, owner = NULL, token = token + 1
WHERE lease_until IS NOT NULL AND owner IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM processes p WHERE p.owner = webhooks.owner);

-- partitions --
SELECT child.relname AS name, child.reltuples::bigint AS rows
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = 'webhooks'::regclass AND child.relname ~ '^webhooks_[0-9]{8}$'
ORDER BY child.relname;

-- old_finished --
SELECT key FROM webhooks WHERE key < $1 AND state >= 2 ORDER BY key LIMIT $2;

-- forget_attempts --
DELETE FROM attempts WHERE webhook BETWEEN $1 AND $2 AND webhook = ANY ($3::bigint[]);

-- forget_webhooks --
DELETE FROM webhooks WHERE key BETWEEN $1 AND $2 AND key = ANY ($3::bigint[]);

-- forget_old_keys --
DELETE FROM idempotency_keys k USING
    (SELECT tenant, key FROM idempotency_keys WHERE created_at <= $1
     ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS old
WHERE k.tenant = old.tenant AND k.key = old.key;

-- oldest_key --
SELECT least((SELECT min(created_at) FROM idempotency_keys),
             (SELECT min(created_at) FROM event_keys));

-- insert_audit --
INSERT INTO audit (key, tail, tenant, at, token_id, token_name, action, subject)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- audit --
SELECT key, tail, tenant, at, token_id, token_name, action, subject FROM audit
WHERE tenant = $1 AND (key, tail) < ($2, $3) ORDER BY key DESC, tail DESC LIMIT $4;

-- forget_old_audit --
DELETE FROM audit USING
    (SELECT a.* FROM documents d
     CROSS JOIN LATERAL (SELECT tenant, key, tail FROM audit
                         WHERE tenant = d.id AND key < $1 ORDER BY key LIMIT $2) a
     WHERE d.kind = 'Tenant' LIMIT $2) AS old
WHERE audit.tenant = old.tenant AND audit.key = old.key AND audit.tail = old.tail;

-- insert_event --
INSERT INTO events (key, tail, tenant, event_type, payload, created_at, webhooks)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- event --
SELECT key, tail, tenant, event_type, payload, created_at, webhooks FROM events
WHERE key = $1 AND tail = $2 AND tenant = $3;

-- claim_event_key --
INSERT INTO event_keys AS known (tenant, key, fingerprint, event, event_tail, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, event = excluded.event,
        event_tail = excluded.event_tail, created_at = excluded.created_at
    WHERE known.created_at <= excluded.created_at - 86400000000
RETURNING event;

-- known_event_key --
SELECT k.fingerprint, e.key, e.tail, e.webhooks
FROM event_keys k JOIN events e ON e.key = k.event AND e.tail = k.event_tail
WHERE k.tenant = $1 AND k.key = $2;

-- forget_old_event_keys --
DELETE FROM event_keys k USING
    (SELECT tenant, key FROM event_keys WHERE created_at <= $1
     ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS old
WHERE k.tenant = old.tenant AND k.key = old.key;

-- forget_old_events --
DELETE FROM events USING
    (SELECT key, tail FROM events WHERE key < $1 ORDER BY key, tail LIMIT $2) AS old
WHERE events.key = old.key AND events.tail = old.tail;

-- failing --
SELECT wanted.id
FROM unnest($1::text[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT w.key FROM webhooks w
    WHERE w.endpoint_id = wanted.id AND w.state IN (1, 3)
    ORDER BY w.key DESC LIMIT 1
) newest
-- The last success: among the newest, and behind the newest in trouble, where a
-- receiver that works again has begun with its backlog.
CROSS JOIN LATERAL (
    SELECT coalesce(max(looked.delivered_at), 0) AS at FROM (
        (SELECT w.delivered_at FROM webhooks w
         WHERE w.endpoint_id = wanted.id ORDER BY w.key DESC LIMIT 500)
        UNION ALL
        (SELECT w.delivered_at FROM webhooks w
         WHERE w.endpoint_id = wanted.id AND w.key > newest.key ORDER BY w.key LIMIT 500)
    ) looked
) delivered
WHERE EXISTS (
    SELECT 1 FROM (
        SELECT w.key FROM webhooks w
        WHERE w.endpoint_id = wanted.id AND w.state IN (1, 3)
          AND w.key >= delivered.at / 1000 << 12 AND w.key < $2
        ORDER BY w.key LIMIT 100
    ) old
    JOIN attempts a ON a.webhook = old.key
    WHERE a.started_at > delivered.at AND a.started_at < $3
      AND coalesce(a.status, 0) NOT BETWEEN 200 AND 299
) AND EXISTS (
    SELECT 1 FROM (
        SELECT w.key FROM webhooks w
        WHERE w.endpoint_id = wanted.id AND w.state IN (1, 3)
        ORDER BY w.key DESC LIMIT 100
    ) recent
    JOIN attempts a ON a.webhook = recent.key
    WHERE a.started_at >= $3 AND coalesce(a.status, 0) NOT BETWEEN 200 AND 299
);
