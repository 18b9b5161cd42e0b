"""Measure what the app costs against what has to be paid anyway: ``make bench``.

Both sides of each comparison run in one go and are reported as a ratio, so that the machine
cancels out. ``make bench ARGS=serving`` runs one of the two only:

- ``throughput``: the worker (``run_batch`` on a backlog of frozen copies of 5-line orders, from
  claim to event) against a bare loop of set-based ``INSERT … SELECT`` that makes the same rows of
  the same tables (orders, lines, options, addresses, events) and ends the same copies, with no
  plan, no fence and no Python in between.
- ``serving``: the API against a plain Django view that builds the same document by hand, and,
  for comparison, against djangorestframework-jsonapi as it comes.

Environment: ``BENCH_COPIES`` (default 5000) copies a loop, ``BENCH_MEMORY_COPIES`` (default 50000)
copies for the memory test, ``BENCH_REQUESTS`` (default 60) requests of each kind,
``BENCH_DATABASES`` (default ``sqlite,postgresql``).
"""
