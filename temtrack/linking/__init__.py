"""Association on overlap graphs, merges, splits and lineage; pure, for tracker and analysis alike."""

from temtrack.linking.config import LinkingConfig
from temtrack.linking.lineage_builder import LinkedFrame
from temtrack.linking.linker import Linker
from temtrack.linking.masks import LinkedMasks, link_masks

__all__ = ["LinkedFrame", "LinkedMasks", "Linker", "LinkingConfig", "link_masks"]
