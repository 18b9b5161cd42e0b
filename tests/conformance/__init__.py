"""Commerce Layer's official JavaScript SDK against a real server of the shop."""
