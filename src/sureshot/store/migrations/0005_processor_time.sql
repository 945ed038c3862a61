-- CPU time since its start, in seconds: a core in use shows how near a process is to its limit.
-- A process of the version before does not name it; 0 then tells that nobody knows.
ALTER TABLE processes ADD COLUMN cpu_s double precision NOT NULL DEFAULT 0;
