"""The adapters of the provider families, one folder for each, and what they share."""
