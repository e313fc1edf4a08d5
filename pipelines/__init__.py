"""What runs in a batch, and the command line over it."""
