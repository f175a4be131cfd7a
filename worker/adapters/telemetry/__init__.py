"""What ops see of the worker: metrics and structured logs."""
