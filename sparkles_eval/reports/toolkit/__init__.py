"""The web toolkit of all our pages: templates, links, images, tables, Markdown, the site writer."""
