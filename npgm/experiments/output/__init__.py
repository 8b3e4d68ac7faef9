"""What people read: tables, files, verdicts, the page of all results."""
