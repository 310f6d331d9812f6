"""What the payer sees."""
