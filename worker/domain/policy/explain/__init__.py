"""What a policy does, in sentences made from its values: one template per key."""
