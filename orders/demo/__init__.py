"""The demo shop: a coffee roaster with a few hundred believable orders of every kind.

Everything is drawn from one seeded generator, so every demo shop is the same but for its dates,
which count back from the moment of loading.
"""
