"""What commands take and print: types of arguments, and what reaches a terminal."""
