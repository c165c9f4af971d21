"""Values that every room uses: names, records, frozen mappings, files; and notices."""
