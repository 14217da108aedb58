"""Moving nodes from one digest to another: in waves, each one commit, each looked at before the next."""
