"""Builders and their weights, one family a module. None of them imports torch before it builds."""
