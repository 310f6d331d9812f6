"""How strangers' connections are held: what a request may look like, how long it may take to
arrive, and how many connections may be open. Everything here runs before any route is chosen."""
