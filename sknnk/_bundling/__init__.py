"""A trained network becomes a bundled one, as a whole or in part."""

from .bundling import bundle
from .partial import PartlyBundledClassifier, PartlyBundledRegressor
from .report import BundleReport, bundle_report

__all__ = [
    "BundleReport",
    "PartlyBundledClassifier",
    "PartlyBundledRegressor",
    "bundle",
    "bundle_report",
]
