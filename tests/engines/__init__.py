"""Each engine with its real broker, and real worker processes: ``make test-engines``."""
