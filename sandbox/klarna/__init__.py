"""Klarna's wire protocol to test against: payments sessions, a hosted page, order management."""
