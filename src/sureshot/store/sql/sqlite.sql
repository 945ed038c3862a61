-- insert_webhook --
INSERT INTO webhooks (key, tail, state, token, due_at, lease_until, owner, leases_taken, created_at,
                      lane, tenant, endpoint_id, url, method, event_type, timeout_s, headers, payload)
VALUES (?, ?, 0, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- insert_attempt --
INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- apply_decision --
UPDATE webhooks
SET state = ?, due_at = coalesce(?, due_at), delivered_at = ?, attempts = ?, schedule_step = ?,
    lease_until = NULL, owner = NULL, token = token + 1
WHERE key = ? AND token = ?;

-- attempts_made --
SELECT attempts, state, token FROM webhooks WHERE key = ?;

-- count_attempt --
UPDATE webhooks SET attempts = ? WHERE key = ?;

-- finish_late --
UPDATE webhooks
SET state = 2, delivered_at = ?, lease_until = NULL, owner = NULL, token = token + 1
WHERE key = ?;

-- renew --
UPDATE webhooks SET lease_until = ?, owner = ?, token = token + 1
WHERE key = ? AND token = ? AND lease_until IS NOT NULL;

-- release --
UPDATE webhooks
SET lease_until = NULL, owner = NULL, token = token + 1, leases_taken = leases_taken - 1,
    due_at = coalesce(?, due_at)
WHERE key = ? AND token = ? AND lease_until IS NOT NULL;

-- suspect --
UPDATE webhooks
SET lease_until = NULL, owner = NULL, token = token + 1, leases_taken = leases_taken + ?
WHERE key = ? AND token = ? AND lease_until IS NOT NULL;

-- void_expired --
UPDATE webhooks
SET lease_until = NULL, owner = NULL, token = token + 1, leases_taken = leases_taken - 1
WHERE lease_until IS NOT NULL AND lease_until <= ?;

-- void_all --
UPDATE webhooks SET lease_until = NULL, owner = NULL, token = token + 1
WHERE lease_until IS NOT NULL;

-- next_lease_end --
SELECT min(lease_until) FROM webhooks INDEXED BY webhooks_leased WHERE lease_until IS NOT NULL;

-- next_lane --
SELECT lane, due_at FROM webhooks INDEXED BY webhooks_due
WHERE state < 2 AND lease_until IS NULL AND lane > ?
ORDER BY lane, due_at LIMIT 1;

-- due_in_lane --
SELECT key, leases_taken - attempts FROM webhooks INDEXED BY webhooks_due
WHERE state < 2 AND lease_until IS NULL AND lane = ? AND due_at <= ?
ORDER BY due_at, key LIMIT ?;

-- first_due_in_lane --
SELECT due_at FROM webhooks INDEXED BY webhooks_due
WHERE state < 2 AND lease_until IS NULL AND lane = ?
ORDER BY due_at LIMIT 1;

-- take_lease --
UPDATE webhooks
SET lease_until = ?, owner = ?, token = token + 1, leases_taken = leases_taken + 1
WHERE key = ?
RETURNING key, tail, token, attempts, schedule_step, tenant, lane, endpoint_id, url, method,
          headers, payload, created_at, timeout_s, due_at;

-- fail_crashed --
UPDATE webhooks SET state = 3, attempts = attempts + 1, token = token + 1 WHERE key = ?
RETURNING attempts;

-- known_key --
SELECT k.fingerprint, k.webhook, w.tail, w.created_at, w.state
FROM idempotency_keys k JOIN webhooks w ON w.key = k.webhook
WHERE k.tenant = ? AND k.key = ? AND k.created_at > ?;

-- put_key --
INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?);

-- forget_old_keys --
DELETE FROM idempotency_keys WHERE (tenant, key) IN
    (SELECT tenant, key FROM idempotency_keys WHERE created_at <= ? ORDER BY created_at LIMIT ?);

-- oldest_key --
SELECT min(oldest) FROM (SELECT min(created_at) AS oldest FROM idempotency_keys
                         UNION ALL SELECT min(created_at) FROM event_keys);

-- old_finished --
SELECT key FROM webhooks WHERE key < ? AND state >= 2 ORDER BY key LIMIT ?;

-- forget_attempts --
DELETE FROM attempts WHERE webhook = ?;

-- forget_webhook --
DELETE FROM webhooks WHERE key = ?;

-- webhook --
SELECT * FROM webhooks WHERE key = ? AND tail = ? AND tenant = ?;

-- payload_size --
SELECT length(payload) FROM webhooks WHERE key = ?;

-- payload --
SELECT payload FROM webhooks WHERE key = ?;

-- attempts --
SELECT number, started_at, duration_s, status, error, detail, retry_after_s, headers, body
FROM attempts WHERE webhook = ? ORDER BY number;

-- last_attempt --
SELECT number, started_at, duration_s, status, error, detail, retry_after_s, headers, body
FROM attempts WHERE webhook = ? ORDER BY number DESC LIMIT 1;

-- cancel --
UPDATE webhooks SET state = 4, lease_until = NULL, owner = NULL, token = token + 1 WHERE key = ?;

-- cancel_endpoint --
UPDATE webhooks SET state = 4, lease_until = NULL, owner = NULL, token = token + 1
WHERE endpoint_id = ? AND state < 2;

-- retry --
UPDATE webhooks
SET state = CASE attempts WHEN 0 THEN 0 ELSE 1 END, due_at = ?, schedule_step = 0,
    delivered_at = NULL, lease_until = NULL, owner = NULL, token = token + 1,
    leases_taken = attempts
WHERE key = ?;

-- count_free --
SELECT count(*) FROM webhooks INDEXED BY webhooks_due WHERE state < 2 AND lease_until IS NULL;

-- count_leased --
SELECT count(*) FROM webhooks INDEXED BY webhooks_leased WHERE lease_until IS NOT NULL;

-- latest --
SELECT key, tail FROM webhooks ORDER BY key DESC LIMIT 1;

-- closed_lanes --
SELECT lane, until, reason FROM closed_lanes;

-- close_lane --
INSERT INTO closed_lanes VALUES (?, ?, ?)
ON CONFLICT (lane) DO UPDATE SET until = excluded.until, reason = excluded.reason
    WHERE closed_lanes.reason <> 'disabled' OR excluded.reason = 'disabled';

-- open_lane --
DELETE FROM closed_lanes WHERE lane = ? AND reason <> 'disabled';

-- open_full_lane --
DELETE FROM closed_lanes WHERE lane = ? AND reason = 'full';

-- open_full --
DELETE FROM closed_lanes WHERE reason = 'full';

-- enable_lane --
DELETE FROM closed_lanes WHERE lane = ? AND reason = 'disabled';

-- forget_lane --
DELETE FROM closed_lanes WHERE lane = ?;

-- forget_old_lanes --
DELETE FROM closed_lanes WHERE until <= ? RETURNING lane;

-- put_document --
INSERT OR REPLACE INTO documents VALUES (?, ?, ?);

-- delete_document --
DELETE FROM documents WHERE kind = ? AND id = ?;

-- documents --
SELECT id, document FROM documents WHERE kind = ? ORDER BY id;

-- document --
SELECT document FROM documents WHERE kind = ? AND id = ?;

-- insert_audit --
INSERT INTO audit (key, tail, tenant, at, token_id, token_name, action, subject)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- audit --
SELECT key, tail, tenant, at, token_id, token_name, action, subject FROM audit
WHERE tenant = ? AND (key, tail) < (?, ?) ORDER BY key DESC, tail DESC LIMIT ?;

-- forget_old_audit --
DELETE FROM audit WHERE (tenant, key, tail) IN
    (SELECT a.tenant, a.key, a.tail FROM documents d
     JOIN audit a ON a.tenant = d.id AND a.key < ? WHERE d.kind = 'Tenant' LIMIT ?);

-- insert_event --
INSERT INTO events (key, tail, tenant, event_type, payload, created_at, webhooks)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- event --
SELECT key, tail, tenant, event_type, payload, created_at, webhooks FROM events
WHERE key = ? AND tail = ? AND tenant = ?;

-- known_event_key --
SELECT k.fingerprint, e.key, e.tail, e.webhooks
FROM event_keys k JOIN events e ON e.key = k.event AND e.tail = k.event_tail
WHERE k.tenant = ? AND k.key = ? AND k.created_at > ?;

-- put_event_key --
INSERT OR REPLACE INTO event_keys VALUES (?, ?, ?, ?, ?, ?);

-- forget_old_event_keys --
DELETE FROM event_keys WHERE (tenant, key) IN
    (SELECT tenant, key FROM event_keys WHERE created_at <= ? ORDER BY created_at LIMIT ?);

-- forget_old_events --
DELETE FROM events WHERE rowid IN
    (SELECT rowid FROM events WHERE key < ? ORDER BY key, tail LIMIT ?);

-- failing --
WITH newest AS (
    SELECT key FROM webhooks INDEXED BY webhooks_in_trouble
    WHERE endpoint_id = ?1 AND state IN (1, 3) ORDER BY key DESC LIMIT 1
), looked AS (
    -- The last success: among the newest, and behind the newest in trouble, where a
    -- receiver that works again has begun with its backlog.
    SELECT * FROM (SELECT delivered_at FROM webhooks INDEXED BY webhooks_by_endpoint
                   WHERE endpoint_id = ?1 ORDER BY key DESC LIMIT 500)
    UNION ALL
    SELECT * FROM (SELECT delivered_at FROM webhooks INDEXED BY webhooks_by_endpoint
                   WHERE endpoint_id = ?1 AND key > (SELECT key FROM newest)
                   ORDER BY key LIMIT 500)
), delivered AS (
    SELECT coalesce(max(delivered_at), 0) AS at FROM looked
), old AS (
    SELECT key FROM webhooks INDEXED BY webhooks_in_trouble
    WHERE endpoint_id = ?1 AND state IN (1, 3)
      AND key >= (SELECT at / 1000 << 12 FROM delivered) AND key < ?2
    ORDER BY key LIMIT 100
), recent AS (
    SELECT key FROM webhooks INDEXED BY webhooks_in_trouble
    WHERE endpoint_id = ?1 AND state IN (1, 3) ORDER BY key DESC LIMIT 100
)
SELECT 1 FROM newest
WHERE EXISTS (SELECT 1 FROM old JOIN attempts a ON a.webhook = old.key
              WHERE a.started_at > (SELECT at FROM delivered) AND a.started_at < ?3
                AND coalesce(a.status, 0) NOT BETWEEN 200 AND 299)
  AND EXISTS (SELECT 1 FROM recent JOIN attempts a ON a.webhook = recent.key
              WHERE a.started_at >= ?3 AND coalesce(a.status, 0) NOT BETWEEN 200 AND 299);

-- backup_counts --
SELECT (SELECT count(*) FROM webhooks),
       (SELECT count(*) FROM webhooks WHERE state < 2 AND lease_until IS NULL)
       + (SELECT count(*) FROM webhooks WHERE lease_until IS NOT NULL),
       (SELECT count(*) FROM documents WHERE kind = 'Endpoint');
