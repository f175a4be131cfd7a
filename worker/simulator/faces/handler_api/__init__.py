"""The simulated companies that speak `handler_api.php`, in every dialect."""
