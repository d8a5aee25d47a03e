DROP INDEX deposits_of_owner;
DROP INDEX deposits_by_payment;
DROP INDEX deposits_to_ask;
ALTER TABLE deposits DROP COLUMN returned_at;
ALTER TABLE deposits DROP COLUMN asks;
ALTER TABLE deposits DROP COLUMN ask_at;
ALTER TABLE deposits DROP COLUMN note;
ALTER TABLE deposits DROP COLUMN rail_payment;
