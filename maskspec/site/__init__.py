"""The site: catalogue, records and atlas as pages to look things up in."""
