"""What the user sees: JSON reports and tables."""
