"""What a ticket is, what a prediction says, and what triage may do about it: pure and frozen."""
