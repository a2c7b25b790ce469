"""From readings to the ledger: what is stored, and which quarters are computed anew."""
