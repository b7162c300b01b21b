"""Wire and crypto of both sides: pure values, no I/O and no clock (`keyfile` is the one edge)."""
