"""`slashspan dashboard`: a page that shows what the table says, and new calls as they come."""
