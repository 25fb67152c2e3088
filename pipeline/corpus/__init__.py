"""What comes in: formats, inputs and the plan made of them."""
