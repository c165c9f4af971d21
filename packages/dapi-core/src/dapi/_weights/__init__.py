"""What is declared: entries, enums of weights, lazy factories."""
