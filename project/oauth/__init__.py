"""Access tokens for programs, as Commerce Layer has them: ``/oauth/token`` and ``/oauth/revoke``.

django-oauth-toolkit keeps applications and tokens and knows OAuth; what is here speaks as
Commerce Layer's clients expect it, and mints tokens that they can read.
"""
