"""An SMS gateway that sends nothing: it takes messages over HTTP and shows them on a page."""
