"""Measure the overhead of the app relative to a baseline: ``make bench``.

Both sides of each comparison are measured in one run and reported as a ratio, so that the
speed of the machine does not matter. ``make bench ARGS=serving`` runs one benchmark only:

- ``throughput``: the worker (``run_batch`` on a backlog of frozen copies of 5-line orders, from
  claim to event) against a bare loop of set-based ``INSERT … SELECT`` that makes the same rows of
  the same tables (orders, lines, options, addresses, events) and ends the same copies, with no
  plan, no fence and no Python per row.
- ``subscriptions``: 10,000 of 100,000 subscriptions, manual and then automatic ones, that are due
  at once, scheduled and copied, against as many plain copies, requested and copied. And the query
  for what is due, among 1,000 and among 1,000,000 subscriptions.
- ``scaling``: two workers against one on the same PostgreSQL, as real processes.
- ``serving``: the API against a plain Django view that builds the same document by hand, and,
  for comparison, against plain djangorestframework-jsonapi.

Environment: ``BENCH_COPIES`` (default 5000) copies per loop, ``BENCH_MEMORY_COPIES`` (default
50000) copies for the memory test, ``BENCH_DUE`` (default 10000) of ``BENCH_SUBSCRIPTIONS`` (default
100000) subscriptions, ``BENCH_MANY_SUBSCRIPTIONS`` (default 1000000) for the query,
``BENCH_REQUESTS`` (default 60) requests of each kind, ``BENCH_DATABASES`` (default
``sqlite,postgresql``), ``BENCH_DATABASE_NAME`` (default ``order_copies_bench``, not used on
SQLite).
"""
