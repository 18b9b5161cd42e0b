"""Chaos: processes are killed at any step, and no copy is lost or duplicated.

``python -m tests.chaos [sqlite postgresql mariadb celery] [--seed N] [--copies N] [--kills N]``.
Real workers and real clients of one shop are killed at named steps and at random, its database
loses connections and is restarted, its payment gateway fails. Afterwards all
invariants must hold.
"""
