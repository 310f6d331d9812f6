"""A mail server and mailbox for the demo. What is sent arrives here, and goes nowhere else."""
