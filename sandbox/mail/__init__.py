"""A mail server and mailbox for the demo: what is sent arrives here, and goes nowhere else."""
