"""Hands pytest the harness; everything else is in maskspec/."""

pytest_plugins = [
    "maskspec.running.plugin",
    "maskspec.records.recording",
    "maskspec.records.survey",
    "maskspec.rendering.summary",
    "maskspec.rendering.progress",
]
