"""What was running on that node on that date: intervals from Git, the ledger, signatures and observations."""
