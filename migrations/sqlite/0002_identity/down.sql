DROP TABLE login_attempts;
DROP TABLE api_keys;
DROP TABLE users;
DROP TABLE owners;
