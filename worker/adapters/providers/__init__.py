"""Companies that rent numbers out: one module per protocol family, dialects as data."""
