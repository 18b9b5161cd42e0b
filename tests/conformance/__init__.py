"""Commerce Layer's own JavaScript SDK, and a real server that it has to take for the real one."""
