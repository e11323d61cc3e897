"""Ports of this machine, held by whoever asked for them."""

import random
import socket

# Below the ports that the kernel gives to clients, so that no connection can take one of ours.
PORTS = range(20000, 30000)


def claim_port():
    """A port that no other test run on this machine takes while the returned claim is open, and that claim."""
    for port in random.sample(PORTS, len(PORTS)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            # An abstract name: it is free again when its holder ends, however that happens.
            claim.bind(f"\0holdfast-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("", port))
        except OSError:
            claim.close()
            continue
        return port, claim
    raise AssertionError("every port is taken")
