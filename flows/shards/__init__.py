"""Reading elsewhere: shards of pages, the workers that read them, and who hands them out."""
