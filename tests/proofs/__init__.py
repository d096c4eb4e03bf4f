"""Proofs that take longer than a unit test, shared by the suite and `make prove-sweep`."""
