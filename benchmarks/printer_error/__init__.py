"""The printer's target `error` beside the loops that one would write instead."""
