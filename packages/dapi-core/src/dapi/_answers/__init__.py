"""Answers: models' outputs for a synthetic input, recorded once and compared later."""
