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
    """A run whose loss is no longer a number, or whose processes do not agree."""


class JudgeError(SkiplibError):
    """A recogniser whose weights are missing or are not the ones expected, or what it cannot listen to."""


class RecordError(SkiplibError):
    """A record, key or ballot that does not parse, lacks a field or does not belong here."""
