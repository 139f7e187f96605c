"""The server's command, `learn-serve`: Python finds the models, starts the C++ server and stops it."""
