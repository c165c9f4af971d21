"""From a verified path to the tensors of a model."""
