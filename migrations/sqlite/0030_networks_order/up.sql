-- One writer commits in order: a message that can be read is behind none that is still to come. PostgreSQL needs more for that.

-- Runs that were let in and have not begun: those whose job is dead are found by it.
CREATE INDEX executions_unbegun ON executions (admitted_at) WHERE status = 'pending' AND parent_id IS NULL AND admitted_at IS NOT NULL;
