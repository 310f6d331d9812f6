"""The steps of the page, one file each: its view, and its state class where it has one."""
