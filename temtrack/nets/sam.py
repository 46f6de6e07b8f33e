"""Segment Anything, as published, with its own package: three sizes of one network.

Kirillov et al. 2023, 'Segment Anything', doi:10.48550/arXiv.2304.02643.
"""

from segment_anything import build_sam_vit_b as sam_vit_b
from segment_anything import build_sam_vit_h as sam_vit_h
from segment_anything import build_sam_vit_l as sam_vit_l

__all__ = ["sam_vit_b", "sam_vit_h", "sam_vit_l"]
