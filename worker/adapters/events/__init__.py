"""Where outgoing events go."""
