"""System dynamics: a recurrent net that predicts a mechanism's next states from its last states and actions."""
