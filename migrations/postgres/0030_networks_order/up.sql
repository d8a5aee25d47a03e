-- Whoever reads messages from a place on must not be shown one behind another that may still be committed before it. So every
-- transaction that takes a place says, in a lock that others can look at, behind which place it is: it ends when the
-- transaction does, and whatever it wrote is visible by then.

CREATE FUNCTION network_messages_take_place() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest bigint := coalesce(pg_sequence_last_value('network_messages_seq_seq'::regclass), 0);
BEGIN
    PERFORM pg_advisory_xact_lock_shared(uuid_hash(NEW.network_id), (newest & 2147483647)::integer);
    -- Taken anew, after it was said: the one in the row was taken before.
    NEW.seq := nextval('network_messages_seq_seq'::regclass);
    RETURN NEW;
END $$;

CREATE TRIGGER network_messages_place BEFORE INSERT ON network_messages
    FOR EACH ROW EXECUTE FUNCTION network_messages_take_place();

-- The place up to which nothing can come any more in a network. What is read after it was asked has all of it.
CREATE FUNCTION network_messages_settled(network uuid) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    newest bigint := coalesce(pg_sequence_last_value('network_messages_seq_seq'::regclass), 0);
    behind bigint;
BEGIN
    -- The newest is read first: whoever takes a place after that takes a higher one. Such places are behind nothing here.
    SELECT max((newest - objid::bigint) & 2147483647) INTO behind FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 2 AND pid <> pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = (uuid_hash(network)::bigint & 4294967295)::oid
        AND ((newest - objid::bigint) & 2147483647) < 1073741824;
    RETURN newest - coalesce(behind, 0);
END $$;

-- Runs that were let in and have not begun: those whose job is dead are found by it.
CREATE INDEX executions_unbegun ON executions (admitted_at) WHERE status = 'pending' AND parent_id IS NULL AND admitted_at IS NOT NULL;
