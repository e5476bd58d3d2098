"""cortexwave: a cortical sheet described once, simulated, recorded, compared."""
