"""The demo: real servers, a provider process with an outage, the daemon itself, and the proof."""
