"""Work that outlives a request: jobs, the files they wait with, and the thread that does them."""
