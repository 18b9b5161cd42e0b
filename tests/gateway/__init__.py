"""A payment gateway for tests, in its own process, with failure modes: ``python -m tests.gateway``.

It speaks the protocol of :class:`orders.lifecycle.gateways.HTTPGateway`, keeps its ledger in
memory, and prints the port that it listens on. :func:`tests.gateway.process.gateway_process` starts
it.
"""
