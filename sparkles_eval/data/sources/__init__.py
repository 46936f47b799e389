"""Sources of published data: fetch, check, import."""
