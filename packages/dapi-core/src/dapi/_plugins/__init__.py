"""What is installed: distributions, their entry points, state and hooks. Imports none."""
