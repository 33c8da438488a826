"""Pages that show reports and charts."""
