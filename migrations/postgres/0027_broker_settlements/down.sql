DROP TABLE commission_terms;
DROP INDEX usage_by_settlement;
DROP INDEX usage_unsettled;
ALTER TABLE usage_records DROP COLUMN settlement_id;
DROP TABLE settlements;
