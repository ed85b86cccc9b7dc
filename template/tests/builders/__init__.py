"""One builder per thing: valid by default, changed by keyword."""
