"""For those who write a provider family: the tests that every family passes. They need pytest."""
