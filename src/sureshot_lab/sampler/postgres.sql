-- activity --
SELECT /* sureshot-lab */
    activity.*,
    now.xact_commit AS commits,
    now.xact_rollback AS rollbacks,
    now.blks_hit AS blocks_hit,
    now.blks_read AS blocks_read,
    now.tup_inserted AS rows_inserted,
    now.tup_updated AS rows_updated,
    now.tup_deleted AS rows_deleted,
    now.deadlocks,
    (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
          ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::float8 AS wal_bytes
FROM pg_stat_database AS now, (
    SELECT
        count(*) AS connections,
        count(*) FILTER (WHERE datname = current_database()) AS database_connections,
        count(*) FILTER (WHERE datname = current_database() AND state = 'active')
            AS active_connections,
        count(*) FILTER (WHERE datname = current_database() AND wait_event_type = 'Lock')
            AS locks_waiting
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
) AS activity
WHERE now.datname = current_database();

-- storage --
SELECT /* sureshot-lab */
    pg_database_size(current_database()) AS size_bytes,
    coalesce(sum(n_live_tup), 0)::float8 AS live_rows,
    coalesce(sum(n_dead_tup), 0)::float8 AS dead_rows,
    coalesce(sum(vacuum_count + autovacuum_count), 0)::float8 AS vacuums
FROM pg_stat_user_tables;

-- wal_syncs_14 --
SELECT /* sureshot-lab */ wal_sync::float8 FROM pg_stat_wal;

-- wal_syncs_18 --
SELECT /* sureshot-lab */ sum(fsyncs)::float8 FROM pg_stat_io WHERE object = 'wal';

-- checkpoints_13 --
SELECT /* sureshot-lab */ checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter;

-- checkpoints_17 --
SELECT /* sureshot-lab */ num_timed + num_requested FROM pg_stat_checkpointer;

-- statements_state --
SELECT /* sureshot-lab */
    'pg_stat_statements' = ANY (
        string_to_array(replace(current_setting('shared_preload_libraries'), ' ', ''), ',')
    ) AS loaded,
    EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') AS created;

-- create_statements --
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

-- statements --
SELECT /* sureshot-lab */
    queryid,
    min(query) AS query,
    sum(calls)::float8 AS calls,
    sum(total_exec_time)::float8 / 1000 AS total_s,
    sum(rows)::float8 AS rows,
    sum(wal_bytes)::float8 AS wal_bytes
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND query NOT LIKE '%/* sureshot-lab */%'
GROUP BY queryid;
