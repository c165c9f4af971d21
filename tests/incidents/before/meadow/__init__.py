"""A small distribution of models for leaves, words and pods: what the incidents are replayed on."""
