"""A payment gateway as a process of its own, with moods: ``python -m tests.gateway``.

It speaks the protocol of :class:`orders.lifecycle.gateways.HTTPGateway`, keeps its books in memory,
and prints the port that it listens on. :class:`tests.gateway.process.FakeGateway` starts it.
"""
