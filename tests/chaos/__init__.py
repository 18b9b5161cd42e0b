"""Chaos: whatever dies at whatever moment, nothing is lost and nothing is doubled.

``python -m tests.chaos [sqlite postgresql mariadb] [--seed N] [--copies N]``. Real workers and real
clients of one shop are killed at named steps and at random, its database loses connections and is
restarted, its payment gateway lies. Afterwards all must be as if nothing had happened.
"""
