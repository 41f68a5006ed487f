"""Hands pytest the harness; everything else is in maskspec/."""

pytest_plugins = ["maskspec.plugin"]
