"""``make test-hostile``: send thousands of hostile requests to a real server of the demo shop.

Each request is a function of the seed and of its number, so each can be sent again by itself.
"""
