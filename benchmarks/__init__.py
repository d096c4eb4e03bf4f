"""Measurements beside peers and on public sets; `make help` names their targets."""
