"""Prediction: a model with its weights, run on files, texts and values in Python."""
