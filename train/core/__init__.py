"""What the systems share: configuration, data on the device, losses, metrics, the loop and checkpoints."""
