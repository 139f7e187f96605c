"""What serving costs: beside a bare echo, under load, and while the server is stopped."""
