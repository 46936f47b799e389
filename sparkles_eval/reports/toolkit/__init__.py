"""The toolkit of all web pages: templates, links, images, tables, Markdown, the site writer."""
