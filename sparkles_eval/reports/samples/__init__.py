"""Sample pages: their content, its reader, and the pages of a site."""
