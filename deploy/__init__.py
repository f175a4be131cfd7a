"""What runs and watches the worker in production; only the Python here is code."""
