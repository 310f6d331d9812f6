"""What stands between the server and the rooms of the application."""
