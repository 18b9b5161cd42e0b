"""``make test-hostile``: send thousands of hostile requests to a real server of the demo shop.

The seed and the number of a request determine the request, so that one request can be repeated.
"""
