"""Alerts: what the published verdicts ask people to look at, whom it is for, and what became of it."""
