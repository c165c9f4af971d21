"""Text as it is shown: no secret, and nothing that steers a terminal."""
