"""The demo shop: a coffee roaster with a few hundred realistic orders of every kind.

One seeded random generator makes everything, so all demo shops are equal except for their dates,
which count back from the time of loading.
"""
