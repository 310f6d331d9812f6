"""The steps of the page, one file each: its view, and its state class if it has one."""
