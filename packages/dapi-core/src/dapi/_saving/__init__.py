"""Saving: a model in a file, and the same model from that file alone."""
