DROP TABLE agent_proofs;
DROP TABLE agent_challenges;
DROP TABLE agent_identities;
