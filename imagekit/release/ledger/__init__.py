"""The ledger: a git repository that holds a signed record of every decision, each with the hash of the one before."""
