"""What training and export need."""
