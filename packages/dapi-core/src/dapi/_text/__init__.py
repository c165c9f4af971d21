"""Text for display: no secrets, and no terminal control characters."""
