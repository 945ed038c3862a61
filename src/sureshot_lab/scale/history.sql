-- Finished webhooks of the last day with an attempt each, evenly over it; a number n each.
-- Keys are those of ids made at that moment, so that partitions by day hold them.

-- postgres --
WITH made AS (
    INSERT INTO webhooks (key, tail, state, due_at, leases_taken, attempts, created_at,
                          delivered_at, lane, tenant, endpoint_id, method, payload)
    SELECT (at / 1000 << 12) + n % 4096, n, 2, 0, 1, 1, at, at,
           'ep_past' || n % $5, 'default', 'ep_past' || n % $5, 'POST',
           convert_to(repeat('x', $6), 'UTF8')
    FROM generate_series($3::bigint, $4::bigint) n,
         LATERAL (SELECT $1::bigint + n * 86400000000 / $2::bigint AS at) moment
    ON CONFLICT DO NOTHING
    RETURNING key, created_at
)
INSERT INTO attempts (webhook, number, started_at, duration_s, status, headers, body)
SELECT key, 1, created_at, 0.001, 200, convert_to(repeat('h', $7), 'UTF8'), 'ok'
FROM made;

-- sqlite_webhooks --
WITH RECURSIVE made (n, at) AS (
    VALUES (:first, :day_ago_us + :first * 86400000000 / :rows)
    UNION ALL
    SELECT n + 1, :day_ago_us + (n + 1) * 86400000000 / :rows FROM made WHERE n < :last
)
INSERT OR IGNORE INTO webhooks (key, tail, state, token, due_at, leases_taken, attempts,
                                created_at, delivered_at, lane, tenant, endpoint_id, method,
                                payload)
SELECT (at / 1000 << 12) + n % 4096, n, 2, 1, 0, 1, 1, at, at,
       'ep_past' || (n % :endpoints), 'default', 'ep_past' || (n % :endpoints), 'POST',
       CAST(printf('%.*c', :payload_bytes, 'x') AS BLOB)
FROM made;

-- sqlite_attempts --
INSERT INTO attempts (webhook, number, started_at, duration_s, status, headers, body)
SELECT key, 1, created_at, 0.001, 200, CAST(printf('%.*c', :answer_bytes, 'h') AS BLOB),
       CAST('ok' AS BLOB)
FROM webhooks WHERE tail BETWEEN :first AND :last AND endpoint_id LIKE 'ep\_past%' ESCAPE '\';
