"""Settings and the data directory: what is where, and what an operator chose."""
