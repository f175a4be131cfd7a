"""The `handler_api.php` protocol, spoken by many companies in dialects."""
