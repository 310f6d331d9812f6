"""A demo shop: a merchant that uses nothing but the checkout's public API."""
