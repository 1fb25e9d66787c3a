"""What somebody shows beside their password: one-time codes, recovery codes, passkeys."""
