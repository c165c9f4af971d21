"""A builder is declared and called; its model is saved, and built again."""
