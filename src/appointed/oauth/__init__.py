"""OAuth 2: apps that act for somebody, and machines that act for themselves."""
