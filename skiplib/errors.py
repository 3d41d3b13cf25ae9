"""The errors that skiplib raises on bad input; all of them are `SkiplibError`."""


class SkiplibError(Exception):
    """What went wrong, where, and what to do about it."""


class ConfigError(SkiplibError):
    """An unknown variant, scale, corpus or switch, or a value that does not fit."""


class DataError(SkiplibError):
    """A text, image or recording that cannot be used, or a damaged cache."""


class CheckpointError(SkiplibError):
    """A checkpoint that is truncated, of another shape or version, or not a safetensors file."""


class TrainingError(SkiplibError):
    """A run whose loss is no longer a number."""


class JudgeError(SkiplibError):
    """A recogniser whose weights are missing or are not the ones expected."""


class RecordError(SkiplibError):
    """A record that does not parse or lacks a field."""
