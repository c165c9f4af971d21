"""Leaves, pressed and named."""
