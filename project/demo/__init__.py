"""``make demo``: the demo shop with its API, admin and worker, and an order copied over HTTP."""
