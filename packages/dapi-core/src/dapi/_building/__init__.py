"""Building: declare and call builders; save their models, and load them."""
