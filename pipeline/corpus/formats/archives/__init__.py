"""Web archives: their records, and the articles in them."""
