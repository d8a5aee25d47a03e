DROP TABLE agent_quality;
DROP TABLE agent_credentials;
DROP TABLE agent_ratings;
DROP TABLE agent_texts;
DROP TABLE agent_capabilities;
DROP TABLE agent_tags;
DROP TABLE agents;
