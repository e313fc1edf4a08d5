"""Every path, image, record, table and page under OUT; one file a door."""
