"""Reports: one HTML file or a static site, with tables, samples and figures."""
