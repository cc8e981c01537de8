"""What must hold of corrections before they are published, and of published tables: Great Expectations' suites."""
