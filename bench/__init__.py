"""How fast the real server is, as ratios to handlers that do nothing but the same writes and reads."""
