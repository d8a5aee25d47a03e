DROP INDEX executions_unbegun;
DROP TRIGGER network_messages_place ON network_messages;
DROP FUNCTION network_messages_take_place();
DROP FUNCTION network_messages_settled(uuid);
