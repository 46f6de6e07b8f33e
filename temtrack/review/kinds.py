"""How a log calls each kind of correction."""

from __future__ import annotations

from temtrack.review.corrections import (
    Confirmed,
    Correction,
    FateTold,
    FrameExcluded,
    IdsSwapped,
    LinkCut,
    LinkMade,
    MergeAccepted,
    MergeAdded,
    MergeFrame,
    MergeParents,
    MergeRejected,
    Note,
    ParticleDeleted,
    ParticlesJoined,
)
from temtrack.review.outlines import ParticleCopied, ParticleDivided, ParticleOutlined, ParticleSplit

KINDS: dict[str, type[Correction]] = {
    "merge_accepted": MergeAccepted,
    "merge_rejected": MergeRejected,
    "merge_parents": MergeParents,
    "merge_frame": MergeFrame,
    "merge_added": MergeAdded,
    "link_made": LinkMade,
    "link_cut": LinkCut,
    "ids_swapped": IdsSwapped,
    "particle_deleted": ParticleDeleted,
    "particle_split": ParticleSplit,
    "particles_joined": ParticlesJoined,
    "particle_divided": ParticleDivided,
    "particle_outlined": ParticleOutlined,
    "particle_copied": ParticleCopied,
    "fate_told": FateTold,
    "frame_excluded": FrameExcluded,
    "confirmed": Confirmed,
    "note": Note,
}
