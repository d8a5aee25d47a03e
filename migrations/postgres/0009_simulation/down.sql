DROP TABLE simulation_books;
DROP TABLE simulation_trades;
DROP TABLE simulation_ticks;
DROP TABLE simulation_runs;
