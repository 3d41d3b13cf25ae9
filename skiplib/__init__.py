"""skiplib: speak what an image shows, learned from image-text and text-speech pairs alone."""

__version__ = "0.1.0"
