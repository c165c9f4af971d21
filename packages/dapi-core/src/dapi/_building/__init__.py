"""Building: declare builders, and call them: from a function to a model with its weights."""
