"""What the lifecycle needs from the outside, as Protocols, and how each can fail."""
