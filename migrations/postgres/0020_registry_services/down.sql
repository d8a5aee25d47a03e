DROP TABLE service_tags;
DROP TABLE services;
