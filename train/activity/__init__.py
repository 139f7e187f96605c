"""Activity recognition from a wearable: pose to simulated IMU, features, classes."""
