"""Installed distributions: their entry points, state and hooks. Imports none of them."""
