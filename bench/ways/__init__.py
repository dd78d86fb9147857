"""The ways to do the same work: each is a program, started for one run."""
