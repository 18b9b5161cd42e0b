"""Issue access tokens as Commerce Layer does: ``/oauth/token`` and ``/oauth/revoke``.

django-oauth-toolkit stores applications and tokens and implements OAuth. These modules adapt
requests and responses to Commerce Layer's clients, and create tokens that those clients can read.
"""
