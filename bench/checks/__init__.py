"""How many registration checks a second, beside email-validator."""
