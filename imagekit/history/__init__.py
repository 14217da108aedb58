"""What all runs brought, in one SQLite file: trends, flaky checks, expected durations, and what has starved."""
