"""``make test-schema``: schemathesis asks a real server all that the OpenAPI document says."""
