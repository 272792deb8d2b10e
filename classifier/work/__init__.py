"""Work that outlives a request: jobs, their spooled files, and the worker thread."""
