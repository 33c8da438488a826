"""OpenTelemetry's own variables: which there are, which values they take, and what slashspan does with them.

Imports nothing of OpenTelemetry, which reads some of them when it is imported.
"""
