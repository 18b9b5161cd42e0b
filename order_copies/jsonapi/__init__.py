"""Our dialect of JSON:API, on top of DRF and djangorestframework-jsonapi.

Each resource is declared once (:mod:`.resources`); parser, renderer, sorting, pages and routes
work from the declarations. Nothing here knows an order or has a model.
"""
