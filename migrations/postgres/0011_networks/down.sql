DROP TABLE network_calls;
DROP TABLE network_deliveries;
DROP TABLE network_messages;
DROP TABLE network_lanes;
DROP TABLE network_secrets;
DROP TABLE network_participants;
DROP TABLE networks;
