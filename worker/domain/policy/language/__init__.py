"""The language of policy files: what a file may say, and the `Profile` that it means."""
