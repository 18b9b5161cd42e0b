"""``make demo``: the demo shop with its API, admin and worker, and one order copied over HTTP."""
