"""Synthetic heads of known infarct volume, as CT and MR images on any acquisition grid."""
