"""Training: one small trainer, and a folder for each system."""
