"""The payer's pages."""
