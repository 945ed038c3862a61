-- CPU time since its start, and time in which it waited for a core, in seconds: how near a
-- process is to its limit. One of the version before names neither; 0 says that nobody knows.
ALTER TABLE processes
    ADD COLUMN cpu_s double precision NOT NULL DEFAULT 0,
    ADD COLUMN starved_s double precision NOT NULL DEFAULT 0;
