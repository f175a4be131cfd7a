"""Releases of the chart as people have them: the values of each, by a name."""

from typing import Final

from tests.ops.helm import Json

HERO: Final = {"family": "handler_api", "dialect": "hero", "base_url": "https://hero.example"}
#: With what YAML reads otherwise where it stands unquoted.
OWN: Final = {"own": '# "Own": a policy\n[sms]\nsms_window_s = 900  # {{ short }}\n'}
EVERYTHING: Final[Json] = {
    "config": {"defaults": {"credit_grace_seconds": 30}, "worker": {"drain_seconds": 20}},
    "providers": {"hero": HERO},
    "policies": OWN,
    "autoscaling": {"enabled": True, "maxReplicas": 5},
    "monitoring": {
        "serviceMonitor": True,
        "prometheusRule": True,
        "boards": True,
        "labels": {"release": "prometheus"},
    },
    "servers": {"bundled": True},
    "desk": {"enabled": True, "actorHeader": "X-Auth-User"},
    "networkPolicy": {
        "enabled": True,
        "api": [{"podSelector": {"matchLabels": {"app": "shop"}}}],
        "metrics": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "desk": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
    },
    "image": {"repository": "registry.example/worker", "digest": "sha256:" + "0" * 64},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "shop", "operator": "Exists"}],
}
SETS: Final[dict[str, Json]] = {
    "as it is": {},
    "everything": EVERYTHING,
    "scaled": {"autoscaling": {"enabled": True}, "replicas": 3},
    "shut": {"networkPolicy": {"enabled": True, "egressPorts": [8443]}},
    "staffed": {"desk": {"enabled": True}, "providers": {"hero": HERO}},
}
