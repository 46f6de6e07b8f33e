"""FastSAM: two sizes of YOLOv8-seg, taught to outline everything in a picture, not particles alone.

Zhao et al. 2023, 'Fast Segment Anything', doi:10.48550/arXiv.2306.12156 (AGPL-3.0, as ultralytics is).
"""

from functools import partial

from temtrack.nets.yolo import YoloSeg

fastsam_s = partial(YoloSeg, "yolov8s-seg.yaml")
fastsam_x = partial(YoloSeg, "yolov8x-seg.yaml")
