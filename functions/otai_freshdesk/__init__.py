"""Triage of Freshdesk tickets: entry points -> application -> domain; adapters implement ports.

The domain decides and is pure. The application holds the use cases and the ports they need.
`ticket_systems`, `classification`, `config` and `state_store` implement those ports; `bootstrap`
puts them together for the two Lambda functions, the command line and the local server.
"""
