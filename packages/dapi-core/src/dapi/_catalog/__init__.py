"""Catalog: the builders that there are, the weights offered for them, lookup and search."""
