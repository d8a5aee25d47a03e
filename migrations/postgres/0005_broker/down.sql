DROP TABLE invocations;
DROP TABLE messages;
DROP TABLE conversations;
