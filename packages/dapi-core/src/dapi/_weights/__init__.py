"""Declarations: entries, enums of weights, lazy factories."""
