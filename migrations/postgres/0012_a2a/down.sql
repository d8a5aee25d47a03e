DROP TABLE a2a_push_configs;
DROP TABLE a2a_events;
DROP TABLE a2a_messages;
DROP TABLE a2a_tasks;
DROP TABLE a2a_cards;
ALTER TABLE agents DROP COLUMN protocol;
