"""Klarna's wire protocol to test against: payment sessions, a hosted page, order management."""
