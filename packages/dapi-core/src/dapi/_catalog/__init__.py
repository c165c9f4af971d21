"""Names: builders, the weights offered for them, lookup and search."""
