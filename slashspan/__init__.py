"""slashspan: the distribution's version, and the vocabulary that its packages share (`slashspan.semconv`)."""

__version__ = "0.1.0"
