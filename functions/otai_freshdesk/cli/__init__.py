"""The command line; handlers never import it."""
