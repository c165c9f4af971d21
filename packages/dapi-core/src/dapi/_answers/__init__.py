"""What models say to a synthetic input: recorded once, and compared later."""
