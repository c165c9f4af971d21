"""What everything is made of: names, records, frozen mappings, files; and notices."""
