"""A model provider on loopback, for tests and benchmarks: real HTTP, both providers' formats, faults on request."""
