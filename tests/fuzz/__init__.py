"""Coverage-guided fuzzing of what reads bytes of others: targets, their seeds, the driver and its findings."""
