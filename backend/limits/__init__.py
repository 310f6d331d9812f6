"""How often anybody may ask for anything. See docs/limits.md."""
