"""The webhook over HTTP: what a request must look like, and which answer it gets."""
