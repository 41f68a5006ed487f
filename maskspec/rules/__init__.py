"""What ``maskspec check`` refuses."""
