-- A process is there from now on. Those long dead are forgotten: nothing names them any more.
WITH forgotten AS (
    DELETE FROM instance WHERE dead_at < {{now}} - interval '1 day'
)
INSERT INTO instance (id, host, pid, locks, started_at, beat_at, layout)
VALUES (CAST(:id AS uuid), :host, CAST(:pid AS integer), CAST(:locks AS boolean), {{now}}, {{now}},
        CAST(:layout AS integer))
