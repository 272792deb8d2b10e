"""Tending a library: metadata in and out, tags of files, copies and versions. A layer over the catalogue."""
