"""A project with django-oscar whose orders are copied, and the same with forks of Oscar's apps.

``make test-oscar`` runs both, each in a process of its own, and measures the adapter's coverage.
"""
