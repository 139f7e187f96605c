"""How fast the gait's corpus comes from disk, and trains, beside usual ways to load it."""
