"""The systems that the paper compares with, one file a system: same encoders and decoders, no T, M or C."""
