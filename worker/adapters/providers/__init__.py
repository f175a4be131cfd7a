"""The adapters of the provider families, one module or package for each, and what they share."""
