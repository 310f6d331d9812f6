"""Hold the connections of strangers: what a request may look like, how long it may take, and how
many connections may be open. Everything here runs before a route is chosen."""
