"""The layers between the server and the rooms of the application."""
