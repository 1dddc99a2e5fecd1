"""The pages on which received messages are read."""
