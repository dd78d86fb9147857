"""What was learned since: the latest state of things and balance of wallets, by which notices are judged."""
