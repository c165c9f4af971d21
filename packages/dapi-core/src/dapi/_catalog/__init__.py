"""What there is by name: builders, the weights offered for them, lookup and search."""
