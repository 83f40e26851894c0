"""The way of a page, without Prefect: what to do (`plan`), up to line pictures (`prepare`), text (`read`), the sum
of it all (`account`). The flows only place and order these."""
