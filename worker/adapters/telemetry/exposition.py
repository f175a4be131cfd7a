"""The body of `/metrics`: Prometheus text or OpenMetrics, as the scraper asks for."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


def render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The body and its content type, charset included."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):
        # The Accept header asks for a version that is none: say it the plain way.
        encode, content_type = choose_encoder("")
    return encode(registry), content_type
