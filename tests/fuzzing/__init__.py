"""``make test-schema``: schemathesis tests a real server against the OpenAPI document."""
