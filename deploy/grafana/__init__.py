"""Dashboards: built by `python -m deploy.grafana.build`, committed as JSON."""
