"""The families of text models, one module each."""
