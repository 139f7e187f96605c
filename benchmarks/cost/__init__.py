"""The system `cost` beside what one would write or install instead."""
