"""What ops see of the worker: metrics, structured logs, and whether its loops still move."""
