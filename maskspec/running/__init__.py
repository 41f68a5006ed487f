"""Run the cases on what is installed, and judge them."""
