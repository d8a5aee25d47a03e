DROP INDEX agent_texts_name;
DROP TABLE agent_vector_head;
DROP TABLE agent_vectors;
