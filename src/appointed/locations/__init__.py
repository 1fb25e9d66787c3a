"""Where visits take place."""
