"""PostgreSQL, where what is true about numbers and money is kept."""
