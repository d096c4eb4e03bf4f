"""The configuration: config.yml, secrets by reference, and what lies over them."""
